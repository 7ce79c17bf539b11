import { formatDuration } from '../base/duration.ts';
import type { Warning } from '../base/events.ts';
import type { Instance } from '../config/types.ts';
import type { Measured } from '../copy/types.ts';
import type { Stack } from '../stack/types.ts';
import { decideContainers } from './containers.ts';
import { decideMounts } from './mounts.ts';
import type { BackupPlan, PlannedCopy } from './types.ts';

/** What an earlier complete snapshot of the instance cost, to predict from. */
export interface Experience {
  readonly downtimeMs: number;
  readonly windowMs: number;
  readonly bytes: number;
  /** Its copies that files can be shared with, by mount name. */
  readonly bases?: ReadonlyMap<string, NonNullable<PlannedCopy['base']>>;
  /** It was copied while its services ran: the window held only what had changed. */
  readonly warm?: boolean;
}

/** Rough cost of a copy where nothing is known yet: a plain disk, warm cache. */
const bytesPerMs = 400_000;
const entriesPerMs = 30;
/** Of a walk that looks for changes. */
const walkedPerMs = 200;
const msPerWave = 600;

const copyMs = (copies: readonly PlannedCopy[]): number =>
  copies.reduce((sum, { size, warm }) => {
    if (size === undefined) return sum;
    if (warm) return sum + size.entries / walkedPerMs;
    return sum + size.allocated / bytesPerMs + size.entries / entriesPerMs;
  }, 0);

const predict = (
  waves: number,
  copies: readonly PlannedCopy[],
  before: Experience | undefined,
): number | undefined => {
  if (waves === 0) return undefined;
  const isWarm = copies.every(({ warm }) => warm);
  if (before === undefined || before.bytes === 0 || isWarm !== (before.warm === true))
    return Math.round(copyMs(copies) + waves * 2 * msPerWave);
  const bytes = copies.reduce((sum, { size }) => sum + (size?.bytes ?? 0), 0);
  return Math.round(before.downtimeMs - before.windowMs + (before.windowMs * bytes) / before.bytes);
};

/** Metadata, index and manifest on top of the copies: an entry's index line is short, and compressed. */
const overheadBytes = 16 * 1024 * 1024;
const indexBytesPerEntry = 80;
const overheadInodes = 64;

/** What a copy takes: of one that shares what did not change, folders, and what changed (twice, for a moment). */
const spaceOf = ({ size, base, form }: PlannedCopy): BackupPlan['needed'] => {
  if (size === undefined) return { bytes: 0, inodes: 0 };
  const index = size.entries * indexBytesPerEntry;
  // Laid aside as it is, and then compressed; with half a block more for each name and header.
  const laidAside = size.changed !== undefined && base !== undefined ? size.changed : size;
  if (form === 'archive')
    return { bytes: 2 * (laidAside.allocated + laidAside.entries * 1024) + index, inodes: 16 };
  if (base === undefined || size.changed === undefined)
    return { bytes: size.allocated + index, inodes: size.entries + 1 };
  const folders = size.entries - size.files + 1;
  return {
    bytes: 2 * size.changed.allocated + folders * 4096 + index,
    inodes: folders + 2 * size.changed.entries,
  };
};

/** Free space that these copies need in the backups folder. */
export const neededFor = (copies: readonly PlannedCopy[]): BackupPlan['needed'] => {
  const spaces = copies.map(spaceOf);
  return {
    bytes: spaces.reduce((sum, { bytes }) => sum + bytes, overheadBytes),
    inodes: spaces.reduce((sum, { inodes }) => sum + inodes, overheadInodes),
  };
};

/** A budget that will not be kept is told before anything is stopped. */
const overBudget = (instance: Instance, predicted: number | undefined): readonly Warning[] => {
  const { downtime } = instance.limits;
  if (downtime === 0 || predicted === undefined || predicted <= downtime) return [];
  const message = `about ${formatDuration(predicted)} of downtime are to be expected; the budget is ${formatDuration(downtime)} (limits.downtime)`;
  return [{ code: 'over-budget', message, notice: true }];
};

/**
 * Everything a backup of this stack will do, as data: the waves, what stays, the copies, what is left out,
 * each with its reason. Pure; `sizes` are what a walk measured, by mount name.
 */
export const planBackup = (
  instance: Instance,
  stack: Stack,
  sizes: ReadonlyMap<string, Measured>,
  before?: Experience,
): BackupPlan => {
  const containers = decideContainers(instance, stack);
  const mounts = decideMounts(
    instance,
    stack,
    { planned: containers.stopWaves.flat(), untouched: containers.untouched },
    sizes,
    before?.bases ?? new Map(),
  );
  const predictedDowntimeMs = predict(containers.stopWaves.length, mounts.copies, before);
  return {
    instance,
    stack,
    stopWaves: containers.stopWaves,
    untouched: containers.untouched,
    copies: mounts.copies,
    skipped: mounts.skipped,
    hooks: instance.hooks,
    warnings: [
      ...stack.warnings,
      ...containers.warnings,
      ...mounts.warnings,
      ...overBudget(instance, predictedDowntimeMs),
    ],
    predictedDowntimeMs,
    needed: neededFor(mounts.copies),
  };
};
