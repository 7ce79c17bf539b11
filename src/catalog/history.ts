import { readFile } from 'node:fs/promises';
import { errnoOf } from '../base/errors.ts';
import type { RunRecord } from '../run/record.ts';
import { historyPath } from '../snapshot/layout.ts';

const parsed = (line: string): RunRecord | undefined => {
  try {
    return JSON.parse(line) as RunRecord;
  } catch {
    return undefined; // a line that a power cut left half-written
  }
};

/** All runs that ended, good and bad, oldest first. Empty when there is no history yet. */
export const readHistory = async (backups: string): Promise<readonly RunRecord[]> => {
  const text = await readFile(historyPath(backups), 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').flatMap((line) => (line === '' ? [] : (parsed(line) ?? [])));
};
