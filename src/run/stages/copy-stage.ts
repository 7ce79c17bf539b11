import { dirname, join } from 'node:path';
import { makeFolderIn } from '../../base/disk.ts';
import { copyThroughEngine } from '../../copy/archive/archive.ts';
import { copyTree } from '../../copy/tree.ts';
import type { Copied } from '../../copy/types.ts';
import { captureDelta } from '../../copy/warm/delta.ts';
import type { BackupPlan, PlannedCopy } from '../../plan/types.ts';
import type { RunContext } from '../context.ts';
import type { Release } from '../quiet/early.ts';
import { inLanes } from './lanes.ts';
import type { WarmCopies } from './warm-stage.ts';

/** Copies at a time: as many as two cores and a spinning disk can stand. */
const atOnce = 2;

/** A never-started container that mounts what has to be read through the engine; made before the window. */
export interface Holder {
  readonly id: string;
  /** Where it mounts each source: by mount name. */
  readonly targets: ReadonlyMap<string, string>;
}

const throughEngine = (plan: BackupPlan): readonly PlannedCopy[] =>
  plan.copies.filter((copy) => copy.task.method === 'api');

/** Whether a holder has to be made, and to be removed again. */
export const needsHolder = (plan: BackupPlan): boolean => throughEngine(plan).length > 0;

/** Makes the holder for all copies that go through the engine, or nothing when there are none. */
export const makeHolder = async (
  context: RunContext,
  plan: BackupPlan,
  run: string,
): Promise<Holder | undefined> => {
  if (!needsHolder(plan)) return undefined;
  const through = throughEngine(plan);
  const targets = new Map(through.map((copy, at) => [copy.mount.name, `/data/${at}`] as const));
  const id = await context.engine.createHolder({
    run,
    mounts: through.map(({ mount }) => ({
      kind: mount.kind,
      source: mount.kind === 'volume' ? mount.name : mount.source,
      target: targets.get(mount.name) as string,
      readOnly: true,
    })),
  });
  return { id, targets };
};

/** What the copies of a window need: each of them one or the other. */
export interface Prepared {
  readonly holder: Holder | undefined;
  readonly warm: WarmCopies;
}

/** How much of a mount is still to be copied, as far as that is known before. */
const remaining = ({ size, mount }: PlannedCopy, { warm }: Prepared) =>
  warm.has(mount.name) || size === undefined ? { bytes: 0, entries: 0 } : size;

const copyWhole = async (
  context: RunContext,
  { task, size, mount, quiet }: PlannedCopy,
  folder: string,
  { holder }: Prepared,
): Promise<Copied> => {
  const onProgress = (bytes: number): void =>
    context.emit({ type: 'copy-progress', mount: mount.name, bytes });
  const common = { signal: context.signal, onProgress };
  return holder !== undefined && task.method === 'api'
    ? copyThroughEngine(task, folder, {
        ...common,
        engine: context.engine,
        holder: holder.id,
        target: holder.targets.get(mount.name) as string,
      })
    : copyTree(task, folder, { ...common, bytes: size?.bytes ?? 0, quiet });
};

const copyOne = async (
  context: RunContext,
  planned: PlannedCopy,
  folder: string,
  prepared: Prepared,
): Promise<Copied> => {
  const { task, mount, quiet } = planned;
  const from = context.clock.tick();
  await makeFolderIn(dirname(join(folder, task.path)));
  const { bytes, entries } = remaining(planned, prepared);
  context.emit({ type: 'copy-started', mount: mount.name, bytes, entries });
  const warm = prepared.warm.get(mount.name);
  const copied =
    warm === undefined
      ? await copyWhole(context, planned, folder, prepared)
      : await captureDelta(warm, folder, { quiet, signal: context.signal });
  const ms = Math.round(context.clock.tick() - from);
  const done = copied.delta === undefined ? { bytes, entries } : copied.delta.captured;
  context.emit({
    type: 'copy-finished',
    mount: mount.name,
    bytes: done.bytes,
    entries: done.entries,
    ms,
  });
  return copied;
};

/**
 * Copies every mount of the plan into the folder, first those that most containers wait for, and of such the
 * largest; of those that were copied while the services ran, what has changed since. Each that is done is
 * released. After the first failure the others are ended too. A source is quiet until it is released;
 * everything that is slow and can wait is left for later.
 */
export const copyAll = async (
  context: RunContext,
  plan: BackupPlan,
  folder: string,
  prepared: Prepared,
  release: Release,
): Promise<readonly Copied[]> => {
  const left = (copy: PlannedCopy): number => remaining(copy, prepared).bytes;
  const waiting = ({ mount }: PlannedCopy): number => release.waiting(mount.name);
  const inOrder = plan.copies.toSorted((a, b) => waiting(b) - waiting(a) || left(b) - left(a));
  release.copying();
  return inLanes(inOrder, atOnce, context.signal, async (copy, signal) => {
    const copied = await copyOne({ ...context, signal }, copy, folder, prepared);
    release.copied(copy.mount.name);
    return copied;
  });
};
