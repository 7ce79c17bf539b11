import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isInside } from '../base/disk.ts';
import { StackBackupError } from '../base/errors.ts';
import { acquireLock } from '../base/lock.ts';
import { printable } from '../base/text/printable.ts';
import { type ResolvedSnapshot, resolveSnapshot } from '../catalog/reference.ts';
import { planInto } from '../plan/into/plan.ts';
import type { IntoPlan, KnownImage } from '../plan/into/types.ts';
import { executeInto } from '../run/into/execute.ts';
import { lockOf } from '../run/lock.ts';
import { composeLabel } from '../stack/labels.ts';
import { assertAllowed, isForeign } from './into/foreign.ts';
import { modelFor } from './into/model.ts';
import { takenPorts } from './into/ports.ts';
import { assertRoom } from './into/space.ts';
import { assertMayAsk, confirm } from './restore/ask.ts';
import { assertWhole } from './restore/whole.ts';
import { backupsFolders } from './session/backups.ts';
import { recoverFirst, tellOfDead } from './session/dead-runs.ts';
import { exitCode, worstCode } from './session/exit.ts';
import { codesOf } from './session/one-run.ts';
import { openSession, printJson, type Session, type World } from './session/session.ts';
import { tellOfUnreadable } from './session/unreadable.ts';

export interface IntoFlags {
  readonly project: string;
  readonly composeFiles: readonly string[];
  readonly envFiles: readonly string[];
  /** Of the new stack. */
  readonly folder: string | undefined;
  readonly devices: boolean;
  /** A snapshot from elsewhere gets what its services ask of this machine. */
  readonly allowHost: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly verify: boolean;
}

/** How long services may take to get healthy, ms. */
const healthMs = 5 * 60_000;

const refuse = (message: string, next: string): never => {
  throw new StackBackupError('restore-refused', message, { next });
};

/** What the services ran, and whether it is here. */
const imagesOf = async (
  { engine }: Session,
  { manifest }: ResolvedSnapshot,
): Promise<ReadonlyMap<string, KnownImage>> => {
  const found = new Map<string, KnownImage>();
  for (const { service, imageId, image, digests, stateBefore } of manifest.containers) {
    const known = found.get(service);
    const ran = known?.ran === true || ['running', 'restarting', 'paused'].includes(stateBefore);
    const isHere =
      known?.isHere ?? (/^sha256:[0-9a-f]{64}$/.test(imageId) && (await engine.hasImage(imageId)));
    found.set(
      service,
      known === undefined ? { id: imageId, digests, name: image, isHere, ran } : { ...known, ran },
    );
  }
  return found;
};

/** Nothing that is there is ever taken for the copy's own. */
const assertFree = async ({ engine, info }: Session, plan: IntoPlan): Promise<void> => {
  const label = `${composeLabel.project}=${plan.project}`;
  const other = 'Choose another name, or remove that project first.';
  if ((await engine.containers([label])).length > 0)
    refuse(`there is a project ${plan.project} already`, other);
  for (const name of await engine.volumes(label))
    refuse(`the volume ${name} of a project ${plan.project} is there`, other);
  for (const { name } of plan.volumes)
    if ((await engine.volume(name)) !== undefined) refuse(`there is a volume ${name} already`, other);
  if (existsSync(plan.folder)) refuse(`${plan.folder} is there already`, 'Choose another one with --folder.');
  if (!existsSync(dirname(plan.folder)))
    refuse(`${dirname(plan.folder)} is not there`, 'Make it, or choose another --folder.');
  const gone = info.local ? plan.hostPaths.filter((path) => !existsSync(path)) : [];
  if (gone.length > 0)
    refuse(
      `services mount what is not on this machine, nor in the snapshot: ${gone.join(', ')}`,
      'Bring it here, or name other paths in a copy of the compose files (--compose-file).',
    );
  const taken = info.local ? await takenPorts(plan.ports) : [];
  if (taken.length > 0)
    refuse(
      `ports are taken: ${taken.map(({ service, port, protocol }) => `${port}/${protocol} (${service})`).join(', ')}`,
      'Publish others in a copy of the compose files, and name it with --compose-file.',
    );
};

const describe = ({ project, folder, data, services, ports, pulls, asks, warnings }: IntoPlan): string =>
  [
    `New project ${project} in ${folder}`,
    `  services: ${services.join(', ')}`,
    ...data.map(
      ({ mount, to }) => `  ${mount.name} → ${to.kind === 'volume' ? `volume ${to.name}` : to.path}`,
    ),
    ...ports.map(({ service, port, protocol }) => `  publishes ${port}/${protocol} (${service})`),
    ...pulls.map((image) => `  fetches ${image}`),
    ...asks.map((ask) => `  of this machine: ${ask}`),
    ...warnings.map(({ message }) => `  note: ${message}`),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');

/** Beside the other runs of the snapshot's own backups folder, so that the next command finds what died. */
const backupsFor = async (world: World, snapshot: string): Promise<string> => {
  const folders = await backupsFolders(world);
  for (const folder of folders) if (existsSync(folder) && (await isInside(snapshot, folder))) return folder;
  return folders[0] ?? dirname(snapshot);
};

/**
 * `stack-backup restore <snapshot> --into <project>`: a second copy of a stack under another name, or a stack
 * on a machine that never had it. Resolves with 0, or 3 when some service did not get healthy.
 */
export const restoreInto = async (world: World, reference: string, flags: IntoFlags): Promise<number> => {
  if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(flags.project))
    throw new StackBackupError('usage', `${flags.project} is no name for a Compose project`, {
      next: 'Lower-case letters, digits, - and _, beginning with a letter or a digit.',
    });
  if (!flags.dryRun) assertMayAsk(world, flags.yes);
  const session = await openSession(world);
  const { engine, info } = session;
  const backups = await backupsFolders(world);
  if (flags.dryRun) await tellOfDead(world, backups);
  const earlier = flags.dryRun ? [] : codesOf(await recoverFirst(session, backups, false));
  const snapshot = await resolveSnapshot(reference, { backups, cwd: world.cwd });
  tellOfUnreadable(world, snapshot.unreadable);
  if (flags.verify) await assertWhole(world, snapshot.folder);
  const foreign = await isForeign(snapshot.folder, flags.composeFiles, backups);
  const sealed = foreign && !flags.allowHost;
  const plan = planInto({
    project: flags.project,
    folder: resolve(world.cwd, flags.folder ?? flags.project),
    model: await modelFor(world, snapshot.folder, snapshot.manifest, { ...flags, sealed }),
    mounts: snapshot.manifest.mounts,
    images: await imagesOf(session, snapshot),
  });
  const name = lockOf(info.id, plan.project);
  await using lock = await acquireLock(name, plan.project, world.clock.now());
  lock.describe('restoring');
  await assertFree(session, plan);
  if (info.local) await assertRoom(plan, info.rootDir);
  const { model: _, ...shown } = plan; // it holds secrets
  if (flags.dryRun) {
    if (world.flags.json) printJson(world, shown);
    else world.stdout.write(describe(plan));
    return exitCode.done;
  }
  if (foreign && flags.yes && !flags.allowHost) assertAllowed(plan);
  if (!flags.yes) {
    world.stderr.write(describe(plan));
    const more = plan.asks.length === 0 ? '' : ', and give it what it asks of this machine';
    await confirm(world, `Make and start the project ${plan.project}${more}?`);
  }
  const say = (line: string): void => {
    if (!world.flags.quiet && !world.flags.json) world.stderr.write(`${printable(line)}\n`);
  };
  if (flags.yes) for (const { message } of plan.warnings) say(`note: ${message}`);
  const problems = await executeInto(
    {
      plan,
      folder: snapshot.folder,
      manifest: snapshot.manifest,
      backups: await backupsFor(world, snapshot.folder),
      devices: flags.devices,
      sealed,
      healthMs,
      assertFree: () => assertFree(session, plan),
    },
    { engine, info, clock: world.clock, signal: world.signal, say },
  );
  if (world.flags.json) printJson(world, { ...shown, problems });
  else if (!world.flags.quiet)
    world.stdout.write(
      printable(
        `${plan.project} ${plan.services.length === 0 ? 'is made, and nothing of it started' : 'runs'}; its compose file is ${plan.folder}/compose.yaml`,
      ).concat('\n'),
    );
  for (const problem of problems) world.stderr.write(`stack-backup: ${printable(problem)}\n`);
  return worstCode([...earlier, problems.length > 0 ? exitCode.warnings : exitCode.done]);
};
