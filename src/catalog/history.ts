import { readFile } from 'node:fs/promises';
import { errnoOf } from '../base/errors.ts';
import type { DrillRecord } from '../run/drill/record.ts';
import type { IntoRecord } from '../run/into/record.ts';
import type { RunRecord } from '../run/record.ts';
import { historyPath } from '../snapshot/layout.ts';
import type { VerifyRecord } from './verified.ts';

/** One line of the history, of whatever kind. */
export type HistoryRecord = RunRecord | VerifyRecord | DrillRecord | IntoRecord;

const parsed = (line: string): HistoryRecord | undefined => {
  try {
    const record: unknown = JSON.parse(line);
    return typeof record === 'object' && record !== null ? (record as HistoryRecord) : undefined;
  } catch {
    return undefined; // a line that a power cut left half-written
  }
};

/** Everything in the history, oldest first. Empty when there is none yet. */
export const readRecords = async (backups: string): Promise<readonly HistoryRecord[]> => {
  const text = await readFile(historyPath(backups), 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').flatMap((line) => (line === '' ? [] : (parsed(line) ?? [])));
};

const isRun = (record: HistoryRecord): record is RunRecord =>
  record.kind === undefined || record.kind === 'restore';

/** All runs that ended, good and bad, oldest first. Empty when there is no history yet. */
export const readHistory = async (backups: string): Promise<readonly RunRecord[]> =>
  (await readRecords(backups)).filter(isRun);
