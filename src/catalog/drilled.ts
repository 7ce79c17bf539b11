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

/** How the last drill of a snapshot ended. */
export interface Drilled {
  readonly ok: boolean;
  /** ISO 8601. */
  readonly at: string;
  /** From its files, or from its dumps alone. */
  readonly data: DrillRecord['data'];
}

/**
 * The word on each snapshot, by its folder name, from lines of the history (oldest first). Those that were broken off
 * say nothing, and those of a copy elsewhere nothing of the snapshot here.
 */
export const drilledOf = (records: Iterable<HistoryRecord>): ReadonlyMap<string, Drilled> => {
  const known = new Map<string, Drilled>();
  for (const record of records)
    if (isDrill(record) && record.outcome !== 'interrupted' && record.elsewhere !== true) {
      const { snapshot, outcome, finished, data } = record;
      known.set(snapshot, { ok: outcome === 'passed', at: finished, data });
    }
  return known;
};
