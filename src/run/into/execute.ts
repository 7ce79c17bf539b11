import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { fsyncDirectory, makeFolderIn, makePrivateDirectory, syncFileSystem } from '../../base/disk.ts';
import { messageOf, StackBackupError } from '../../base/errors.ts';
import { type BackTarget, putBack } from '../../copy/back/back.ts';
import { composeUp, pullImage } from '../../docker/compose.ts';
import type { Engine, EngineInfo } from '../../docker/engine.ts';
import type { IntoData, IntoPlan } from '../../plan/into/types.ts';
import { journalPath, journalsPath, temporariesPath, temporaryPath } from '../../snapshot/layout.ts';
import type { Manifest } from '../../snapshot/types.ts';
import { appendHistory } from '../history.ts';
import { type Journal, openJournal } from '../journal.ts';
import { runVariable } from '../recovery/orphans.ts';
import { lostOf } from '../restore/data/lost.ts';
import { makeMissing } from '../restore/data/puts.ts';
import { type IntoEnd, intoRecord } from './record.ts';
import { composeFile, markName, removeProject } from './recover.ts';
import { unwell } from './unwell.ts';

export interface IntoTask {
  readonly plan: IntoPlan;
  /** Absolute path of the snapshot. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** The backups folder that keeps the journal. */
  readonly backups: string;
  readonly devices: boolean;
  /** The model is of a snapshot that anybody may have made, and nobody has said that it may have more. */
  readonly sealed: boolean;
  /** How long services may take to get healthy, ms. */
  readonly healthMs: number;
  /** Rejects when something of the new project is there already; asked when nothing has to be waited for any more. */
  readonly assertFree: () => Promise<void>;
}

export interface IntoTools {
  readonly engine: Engine;
  readonly info: EngineInfo;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Nothing is made before everything can be had. */
const pull = async ({ plan }: IntoTask, { say, signal }: IntoTools): Promise<void> => {
  const missing: string[] = [];
  for (const reference of plan.pulls) {
    say(`fetching ${reference}`);
    const why = await pullImage(reference, signal);
    if (why !== undefined) missing.push(`${reference}: ${why}`);
  }
  if (missing.length > 0)
    throw new StackBackupError('image-missing', `images cannot be had: ${missing.join('; ')}`, {
      next: 'Log in to where they are, `docker load` or build them, or name others with --compose-file.',
    });
};

/** Where a helper container has the volume that is filled through it. */
const inHolder = '/volume';

const volumeTarget = async (name: string, run: string, { engine, info }: IntoTools): Promise<BackTarget> => {
  const path = info.local ? (await engine.volume(name))?.mountpoint : undefined;
  if (path !== undefined && path !== '') return { kind: 'host', path };
  const mounts = [{ kind: 'volume', source: name, target: inHolder, readOnly: false }] as const;
  return { kind: 'api', engine, holder: await engine.createHolder({ run, mounts }), path: inHolder };
};

const putOne = async (
  task: IntoTask,
  tools: IntoTools,
  run: string,
  { mount, to }: IntoData,
): Promise<void> => {
  const { folder, devices } = task;
  tools.say(`putting back ${mount.name}`);
  if (to.kind === 'bind') {
    await mkdir(dirname(to.path), { recursive: true, mode: 0o711 });
    await makeMissing(folder, mount, to.path);
  }
  const target: BackTarget =
    to.kind === 'bind' ? { kind: 'host', path: to.path } : await volumeTarget(to.name, run, tools);
  const result = await putBack({ folder, mount }, target, { devices, signal: tools.signal });
  for (const { message } of lostOf(mount.name, target, result)) tools.say(`note: ${message}`);
  await tools.engine.removeHolders(run);
};

const make = async (task: IntoTask, tools: IntoTools, run: string): Promise<void> => {
  const { plan } = task;
  const { engine, signal, say } = tools;
  await mkdir(plan.folder, { mode: 0o711 });
  await writeFile(join(plan.folder, markName), run, { flag: 'wx', mode: 0o600 });
  for (const volume of plan.volumes) await engine.createVolume(volume);
  for (const data of plan.data) {
    signal.throwIfAborted();
    await putOne(task, tools, run, data);
  }
  await syncFileSystem(plan.folder);
  const file = join(plan.folder, composeFile);
  await writeFile(file, `${JSON.stringify(plan.model, null, 2)}\n`, { flag: 'wx', mode: 0o600 });
  if (plan.services.length === 0) return; // Compose would start all
  say('starting the services');
  const { project, folder } = plan;
  const complaint = await composeUp({
    project,
    file,
    folder,
    services: plan.services,
    sealed: task.sealed,
    timeoutMs: task.healthMs + 60_000,
    signal,
  });
  if (complaint !== undefined)
    throw new StackBackupError('restore-failed', `docker compose could not start ${project}: ${complaint}`, {
      next: 'What was made is removed again. See what the message names, then run it again.',
    });
};

/**
 * Makes a second copy of a stack under a name that nobody has. Whatever goes wrong, what was made is removed
 * again, if need be by a recovery. Resolves with the services that did not get healthy, in words. Rejects with
 * `image-missing`, `restore-failed`, `restore-refused`, what `putBack` rejects with, or `interrupted`.
 */
export const executeInto = async (task: IntoTask, tools: IntoTools): Promise<readonly string[]> => {
  const { plan, manifest, backups } = task;
  const { engine, info, clock } = tools;
  await pull(task, tools);
  await task.assertFree();
  const id = `into-${plan.project}-${randomBytes(4).toString('hex')}`;
  for (const path of [backups, journalsPath(backups), temporariesPath(backups)])
    await makePrivateDirectory(path);
  const first: Omit<Journal, 'process'> = {
    version: 1,
    kind: 'into',
    into: { folder: plan.folder, instance: manifest.instance, from: task.folder },
    id,
    instance: plan.project,
    project: plan.project,
    snapshot: manifest.snapshot,
    type: 'manual',
    engine: { id: info.id, endpoint: engine.endpoint },
    started: clock.now().toISOString(),
    phase: 'checking',
    folder: temporaryPath(backups, id),
    containers: [],
    wayBack: { needs: [], awaited: [], known: [], healthMs: 0 },
  };
  const journal = await openJournal(journalPath(backups, id), first);
  process.env[runVariable] = id; // children inherit it: a recovery finds those that outlive the run
  /** It is over, whatever the history can take of it. */
  const remember = (end: IntoEnd): Promise<void> =>
    appendHistory(backups, intoRecord(first, end, clock)).catch((error: unknown) =>
      tools.say(`this run is not in the history: ${messageOf(error)}`),
    );
  let problems: readonly string[];
  try {
    await makeFolderIn(temporaryPath(backups, id));
    await make(task, tools, id);
    problems = await unwell(task, tools);
    await rm(join(plan.folder, markName));
  } catch (error) {
    try {
      await engine.removeHolders(id);
      await removeProject(engine, plan.project, plan.folder, id);
      await rm(temporaryPath(backups, id), { recursive: true, force: true });
      await remember({ thrown: error });
      await journal.close();
    } catch (left) {
      tools.say(`not everything could be removed (${messageOf(left)}): \`stack-backup recover\` tries again`);
    }
    throw error;
  }
  // It is complete, and its user's: whatever goes wrong from here on, nothing of it is removed.
  await fsyncDirectory(plan.folder);
  await rm(temporaryPath(backups, id), { recursive: true, force: true });
  await remember({ problems });
  await journal.close();
  return problems;
};
