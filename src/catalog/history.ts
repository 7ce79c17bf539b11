import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fsyncDirectory, makePrivateDirectory } from '../base/disk.ts';
import { errnoOf } from '../base/errors.ts';
import type { RunRecord } from '../run/record.ts';
import { historyPath } from '../snapshot/layout.ts';

/**
 * Adds a run to the history, durably: one line of JSON (schemas/history.schema.json), appended in one
 * write, so that runs of several instances can end at the same time.
 */
export const appendHistory = async (backups: string, record: RunRecord): Promise<void> => {
  const path = historyPath(backups);
  await makePrivateDirectory(dirname(path));
  const file = await open(path, 'a', 0o600);
  try {
    await file.appendFile(`${JSON.stringify(record)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await fsyncDirectory(dirname(path));
};

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
