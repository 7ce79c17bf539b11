import { dirname, join } from 'node:path';
import { makeFolderIn } from '../../base/disk.ts';
import { Pace } from '../../base/process/pace.ts';
import type { HashedAhead } from '../../copy/warm/ahead.ts';
import { flushedBeforeTheStop, leastFlushedBytes } from '../../copy/warm/flush.ts';
import type { WarmCopy } from '../../copy/warm/types.ts';
import { warmTree } from '../../copy/warm/warm.ts';
import { openArchive, warmArchive } from '../../copy/warm/warm-archive.ts';
import type { BackupPlan, PlannedCopy } from '../../plan/types.ts';
import type { RunContext } from '../context.ts';
import { inLanes } from './lanes.ts';

/** The copies that were made while the services ran, by mount name. */
export type WarmCopies = ReadonlyMap<string, WarmCopy>;

/** Copies at a time, as in the window: what makes them is last in line for disk and processors (`gentle`). */
const atOnce = 2;

/** What the window needs of a copy must lie ready, also where nothing is copied before. */
const isPrepared = ({ warm, form, task }: PlannedCopy): boolean =>
  warm || (form === 'archive' && task.method === 'host');

const warmOne = async (
  context: RunContext,
  { task, size, mount, base, form, warm: isWarm }: PlannedCopy,
  folder: string,
  pace: Pace | undefined,
): Promise<WarmCopy> => {
  const from = context.clock.tick();
  const about = { mount: mount.name, bytes: size?.bytes ?? 0, entries: size?.entries ?? 0 };
  await makeFolderIn(dirname(join(folder, task.path)));
  const options = {
    signal: context.signal,
    bytes: about.bytes,
    base,
    pace,
    onProgress: (bytes: number) => context.emit({ type: 'copy-progress', mount: mount.name, bytes }),
    onBaseLost: (why: string) =>
      context.warn({
        code: 'base-lost',
        about: mount.name,
        message: `nothing of ${mount.name} is shared with ${base?.snapshot ?? 'an earlier snapshot'}: ${why}`,
        notice: true,
      }),
  };
  if (!isWarm) return openArchive(task, folder, options);
  context.emit({ type: 'copy-started', ...about });
  const warm = await (form === 'archive' ? warmArchive : warmTree)(task, folder, options);
  context.emit({ type: 'copy-finished', ...about, ms: Math.round(context.clock.tick() - from) });
  return warm;
};

/** Whether anything is copied, or made ready, before the services stop. */
export const needsWarmth = (plan: BackupPlan): boolean => plan.copies.some(isPrepared);

/**
 * Copies what can be copied while the services run. What changes meanwhile is copied again in the window. Of those
 * that are there already files are hashed while others are copied, unless reading is held to a rate.
 */
export const warmAll = async (
  context: RunContext,
  plan: BackupPlan,
  folder: string,
  ahead?: HashedAhead,
): Promise<WarmCopies> => {
  const { readRate } = plan.instance.limits;
  const pace = readRate === 0 ? undefined : new Pace(readRate);
  const planned = plan.copies.filter(isPrepared);
  const copying = () =>
    inLanes(planned, atOnce, context.signal, async (copy, signal) => {
      const warm = await warmOne({ ...context, signal }, copy, folder, pace);
      if (pace === undefined) void ahead?.add(warm, copy.size?.bytes ?? 0);
      return warm;
    });
  const bytes = planned.reduce((sum, { size, warm }) => sum + (warm ? (size?.bytes ?? 0) : 0), 0);
  const copies = await (bytes < leastFlushedBytes
    ? copying()
    : flushedBeforeTheStop(folder, context.signal, copying));
  return new Map(copies.map((copy) => [copy.task.name, copy]));
};
