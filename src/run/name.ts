import { readdir } from 'node:fs/promises';
import { formatDuration } from '../base/duration.ts';
import type { Warning } from '../base/events.ts';
import type { Instance } from '../config/types.ts';
import { parseSnapshotName, snapshotName, wallClockOf } from '../snapshot/layout.ts';

/** The end of summer time, a clock put right, another time zone: as far as this a clock may go back. */
const toleranceMs = 25 * 60 * 60 * 1000;

export interface RunName {
  /** Folder of the snapshot to be. */
  readonly snapshot: string;
  /** The clock stands so far behind the newest snapshot that this one will not be the newest by its name. */
  readonly behind: Warning | undefined;
}

/** A folder that cannot be read is for the checks to tell of. */
const namesIn = (backups: string): Promise<readonly string[]> => readdir(backups).catch(() => []);

/** `ms` counts wall clock time, as `wallClockOf` has it. */
const firstFree = (taken: readonly string[], instance: string, ms: number): string => {
  const name = snapshotName(instance, new Date(ms), 'UTC');
  return taken.includes(name) ? firstFree(taken, instance, ms + 1000) : name;
};

/**
 * The name of a snapshot begun at this moment: its time, or the second after the newest one there is. Names
 * tell the order in which snapshots were made, also when the clock is put back by up to a day. From further
 * behind the name is that of the clock, with a warning: else one run in the far future would name all others.
 */
export const nameRun = async (
  { name, backups, timezone }: Pick<Instance, 'name' | 'backups' | 'timezone'>,
  started: Date,
): Promise<RunName> => {
  const taken = await namesIn(backups);
  const stamps = taken.map(parseSnapshotName).flatMap((it) => (it?.instance === name ? [it.stamp] : []));
  const newest = Math.max(Number.NEGATIVE_INFINITY, ...stamps.map(wallClockOf));
  const now = wallClockOf(snapshotName(name, started, timezone).slice(-15));
  const ahead = newest - now;
  if (ahead <= toleranceMs)
    return { snapshot: firstFree(taken, name, Math.max(now, newest + 1000)), behind: undefined };
  const message = `the clock stands ${formatDuration(ahead)} before the newest snapshot, ${snapshotName(name, new Date(newest), 'UTC')}: this one will be listed before it`;
  return { snapshot: firstFree(taken, name, now), behind: { code: 'clock-behind', message } };
};
