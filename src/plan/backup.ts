import type { Instance } from '../config/types.ts';
import type { Measured } from '../copy/types.ts';
import type { Stack } from '../stack/types.ts';
import { decideContainers } from './containers.ts';
import { overBudget, predictBack, predictDowntime, type TimeSpent } from './downtime.ts';
import { decideMounts } from './mounts.ts';
import type { BackupPlan, PlannedCopy } from './types.ts';

/** What an earlier complete snapshot of the instance cost, to predict from, and left. */
export interface Experience extends TimeSpent {
  /** Its copies that files can be shared with, by mount name. */
  readonly bases?: ReadonlyMap<string, NonNullable<PlannedCopy['base']>>;
}

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
  const predictedDowntimeMs = predictDowntime(containers.stopWaves.length, mounts.copies, before);
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
    predictedBackMs: predictBack(containers.stopWaves, stack, before),
    needed: neededFor(mounts.copies),
  };
};
