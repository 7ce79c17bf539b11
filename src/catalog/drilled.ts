import type { DrillRecord } from '../run/drill/record.ts';
import { type HistoryRecord, readRecords } from './history.ts';

const isDrill = (record: HistoryRecord): record is DrillRecord => record.kind === 'drill';

/** All drills of an instance, oldest first. */
export const drillsOf = async (backups: string, instance: string): Promise<readonly DrillRecord[]> =>
  (await readRecords(backups)).filter(isDrill).filter((record) => record.instance === instance);

/** Whether the last drill that passed is older than `everyMs`, or there is none. */
export const isDue = (drills: readonly DrillRecord[], everyMs: number, now: Date): boolean => {
  const good = drills
    .filter(({ outcome }) => outcome === 'passed')
    .map(({ finished }) => Date.parse(finished));
  return good.length === 0 || now.getTime() - Math.max(...good) > everyMs;
};
