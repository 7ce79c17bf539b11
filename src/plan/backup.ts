import type { Instance } from '../config/types.ts';
import type { TreeSize } from '../copy/types.ts';
import type { Stack } from '../stack/types.ts';
import { decideContainers } from './containers.ts';
import { decideMounts } from './mounts.ts';
import type { BackupPlan, PlannedCopy } from './types.ts';

/** What an earlier complete snapshot of the instance cost, to predict from. */
export interface Experience {
  readonly downtimeMs: number;
  readonly windowMs: number;
  readonly bytes: number;
}

/** Rough cost of a copy where nothing is known yet: a plain disk, warm cache. */
const bytesPerMs = 400_000;
const entriesPerMs = 30;
const msPerWave = 600;

const copyMs = (copies: readonly PlannedCopy[]): number =>
  copies.reduce(
    (sum, { size }) => sum + (size?.allocated ?? 0) / bytesPerMs + (size?.entries ?? 0) / entriesPerMs,
    0,
  );

const predict = (
  waves: number,
  copies: readonly PlannedCopy[],
  before: Experience | undefined,
): number | undefined => {
  if (waves === 0) return undefined;
  if (before === undefined || before.bytes === 0) return Math.round(copyMs(copies) + waves * 2 * msPerWave);
  const bytes = copies.reduce((sum, { size }) => sum + (size?.bytes ?? 0), 0);
  return Math.round(before.downtimeMs - before.windowMs + (before.windowMs * bytes) / before.bytes);
};

/** Metadata, index and manifest on top of the copies: an entry's index line is short, and compressed. */
const overheadBytes = 16 * 1024 * 1024;
const indexBytesPerEntry = 80;
const overheadInodes = 64;

const neededFor = (copies: readonly PlannedCopy[]): BackupPlan['needed'] => {
  const sizes = copies.flatMap(({ size }) => (size === undefined ? [] : [size]));
  return {
    bytes: sizes.reduce(
      (sum, size) => sum + size.allocated + size.entries * indexBytesPerEntry,
      overheadBytes,
    ),
    inodes: sizes.reduce((sum, size) => sum + size.entries + 1, overheadInodes),
  };
};

/**
 * Everything a backup of this stack will do, as data: the waves, what stays, the copies, what is left out,
 * each with its reason. Pure; `sizes` are what a walk measured, by mount name.
 */
export const planBackup = (
  instance: Instance,
  stack: Stack,
  sizes: ReadonlyMap<string, TreeSize>,
  before?: Experience,
): BackupPlan => {
  const containers = decideContainers(instance, stack);
  const mounts = decideMounts(
    instance,
    stack,
    { planned: containers.stopWaves.flat(), untouched: containers.untouched },
    sizes,
  );
  return {
    instance,
    stack,
    stopWaves: containers.stopWaves,
    untouched: containers.untouched,
    copies: mounts.copies,
    skipped: mounts.skipped,
    hooks: instance.hooks,
    warnings: [...stack.warnings, ...containers.warnings, ...mounts.warnings],
    predictedDowntimeMs: predict(containers.stopWaves.length, mounts.copies, before),
    needed: neededFor(mounts.copies),
  };
};
