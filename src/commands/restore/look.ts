import { access, constants, lstat } from 'node:fs/promises';
import { isInside } from '../../base/disk.ts';
import { errnoOf, StackBackupError } from '../../base/errors.ts';
import type { Instance } from '../../config/types.ts';
import { planBack } from '../../copy/back/back.ts';
import { composeVersion } from '../../docker/compose.ts';
import type { Engine, VolumeDetails } from '../../docker/engine.ts';
import { planRestore } from '../../plan/restore/plan.ts';
import type { Reach } from '../../plan/restore/stops.ts';
import type { RestoreChoice, RestoreFacts, RestorePlan } from '../../plan/restore/types.ts';
import { inspected } from '../../run/recovery/back/judge.ts';
import { resolved } from '../../run/stages/holds.ts';
import type { Manifest } from '../../snapshot/types.ts';
import { composeLabel } from '../../stack/labels.ts';
import { containerOf, observeStack } from '../../stack/observe.ts';
import type { Stack, StackContainer } from '../../stack/types.ts';
import { type Declared, declaredBefore, declaredMounts } from '../../stack/volumes.ts';
import { experienceOf, sizesOf } from '../session/planned.ts';
import type { Session } from '../session/session.ts';

/** A stack of which nothing is left: `compose down -v` leaves neither containers nor volumes. */
const nothingOf = async ({ project }: Instance): Promise<Stack> => ({
  project,
  containers: [],
  edges: [],
  mounts: [],
  skipped: [],
  lifecycle: {},
  model: undefined,
  composeFiles: [],
  composeVersion: await composeVersion(),
  warnings: [],
});

const stackOf = async (engine: Engine, instance: Instance): Promise<Stack> => {
  try {
    return await observeStack(engine, instance);
  } catch (error) {
    if (error instanceof StackBackupError && error.code === 'instance-unknown') return nothingOf(instance);
    throw error;
  }
};

const volumesOf = async (engine: Engine, { mounts }: Manifest): Promise<Map<string, VolumeDetails>> => {
  const names = mounts.flatMap(({ kind, name }) => (kind === 'volume' ? [name] : []));
  const found = await Promise.all(names.map((name) => engine.volume(name)));
  return new Map(found.flatMap((volume) => (volume === undefined ? [] : [[volume.name, volume]])));
};

/** Running containers of others that have anything mounted; one that has gone meanwhile is none. */
const othersOf = async (engine: Engine, stack: Stack): Promise<readonly StackContainer[]> => {
  const running = (await engine.running()).filter(
    ({ labels, mounts }) =>
      labels[composeLabel.project] !== stack.project && mounts.some(({ type }) => type !== 'tmpfs'),
  );
  const found = await Promise.all(running.map(({ id }) => inspected(engine, id)));
  return found.flatMap((details) => (details === undefined ? [] : [containerOf(details)]));
};

/** Where the data of all mounts lie, by whichever way they are reached. */
const reachOf = async (
  engine: Engine,
  containers: readonly StackContainer[],
  { mounts }: Manifest,
  local: boolean,
): Promise<Reach> => {
  const all = containers.flatMap(({ details }) => details.mounts);
  const volumes = mounts.flatMap(({ kind, name }) => (kind === 'volume' ? [name] : []));
  const names = new Set([...volumes, ...all.flatMap(({ name }) => (name === undefined ? [] : [name]))]);
  const known = await Promise.all([...names].map((name) => engine.volume(name)));
  const devices = new Map(
    known.flatMap((volume) => {
      const device = volume?.options.device;
      return volume === undefined || device === undefined ? [] : [[volume.name, device] as const];
    }),
  );
  const paths = [
    ...all.map(({ source }) => source),
    ...known.flatMap((volume) => volume?.mountpoint ?? []),
    ...devices.values(),
    ...mounts.flatMap(({ kind, name }) => (kind === 'bind' ? [name] : [])),
  ];
  return { devices, real: await resolved(new Set(paths), local) };
};

const writableOf = async (paths: readonly string[]): Promise<ReadonlySet<string>> => {
  const asked = paths.map((path) =>
    access(path, constants.R_OK | constants.W_OK).then(
      () => [path],
      () => [],
    ),
  );
  return new Set((await Promise.all(asked)).flat());
};

const missingOf = async (paths: readonly string[]): Promise<ReadonlySet<string>> => {
  const asked = paths.map((path) =>
    lstat(path).then(
      () => [],
      (error: unknown) => (errnoOf(error) === 'ENOENT' ? [path] : []),
    ),
  );
  return new Set((await Promise.all(asked)).flat());
};

/** Compose is only asked where what the engine says does not answer where something belongs. */
const needsFiles = (stack: Stack, manifest: Manifest): boolean =>
  manifest.mounts.some(
    ({ kind, name, anonymous }) =>
      !anonymous &&
      !stack.mounts.some(
        (mount) => mount.kind === kind && mount.name === name && (kind === 'volume' || mount.onHost),
      ),
  );

/** What the compose files say: those of the configuration or of the containers, else those of the snapshot's own time. */
const declaredOf = async (
  instance: Instance,
  stack: Stack,
  manifest: Manifest,
  isOwn: boolean,
): Promise<Declared | undefined> => {
  if (!needsFiles(stack, manifest)) return undefined;
  const today = await declaredMounts(instance, stack.containers);
  return today ?? (isOwn ? await declaredBefore(instance, manifest.compose.files) : undefined);
};

/** What is there now of what a snapshot holds. Nothing is changed. */
export const lookAround = async (
  { engine, info }: Session,
  instance: Instance,
  folder: string,
  manifest: Manifest,
): Promise<RestoreFacts> => {
  const stack = await stackOf(engine, instance);
  const isOwn = await isInside(folder, instance.backups);
  const [volumes, others, declared] = await Promise.all([
    volumesOf(engine, manifest),
    othersOf(engine, stack),
    declaredOf(instance, stack, manifest, isOwn),
  ]);
  const paths = [
    ...stack.mounts.map(({ source }) => source),
    ...[...volumes.values()].map(({ mountpoint }) => mountpoint),
    ...[...(declared?.binds ?? [])],
  ];
  const binds = manifest.mounts.flatMap(({ kind, name }) => (kind === 'bind' ? [name] : []));
  const missing = info.local ? await missingOf(binds) : new Set<string>();
  const writable = info.local ? await writableOf([...new Set(paths)]) : new Set<string>();
  const reach = await reachOf(engine, [...stack.containers, ...others], manifest, info.local);
  return {
    instance,
    folder,
    manifest,
    stack,
    local: info.local,
    volumes,
    declared,
    others,
    reach,
    writable,
    missing,
    isOwn,
  };
};

/** A snapshot, or all of them, must not lie in what is overwritten. */
const assertApart = async ({ folder, instance, putBacks }: RestorePlan): Promise<void> => {
  // Through the engine it is a path of another machine, or one that nobody can look into from here.
  for (const { name, source, method } of putBacks)
    for (const inner of [folder, instance.backups])
      if (method === 'host' && source !== '' && (await isInside(inner, source)))
        throw new StackBackupError(
          'restore-refused',
          `${inner} lies inside ${name}, which would be overwritten`,
          {
            next: 'Copy the snapshot to another place first, or restore other volumes alone (--volume).',
          },
        );
};

/** A path that the snapshot does not have is told before anything is stopped. */
const assertPaths = async (
  { folder, putBacks, devices }: RestorePlan,
  signal: AbortSignal,
): Promise<void> => {
  for (const { mount, method, source, paths, isMissing } of putBacks)
    if (paths !== undefined && method === 'host' && source !== '' && !isMissing)
      await planBack({ folder, mount }, { kind: 'host', path: source }, { paths, devices, signal });
};

/** look → decide → measure → plan. Nothing is changed, nothing is written. */
export const plannedRestore = async (
  { world }: Session,
  facts: RestoreFacts,
  choice: RestoreChoice,
): Promise<RestorePlan> => {
  const { instance } = facts;
  const before = await experienceOf(instance);
  // Measured also where nothing is kept: what is there now takes room that will be free again.
  const rough = planRestore(facts, { ...choice, safety: true }, { sizes: new Map(), before: undefined });
  const sizes = await sizesOf(rough.window, before?.bases, world.signal);
  const plan = planRestore(facts, choice, { sizes, before });
  await assertApart(plan);
  await assertPaths(plan, world.signal);
  return plan;
};
