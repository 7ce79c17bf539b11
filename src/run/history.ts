import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fsyncDirectory } from '../base/disk.ts';
import { historyPath } from '../snapshot/layout.ts';
import type { RunRecord } from './record.ts';

/**
 * Adds a run to the history, durably: one line of JSON (schemas/history.schema.json), appended in one
 * write, so that runs of several instances can end at the same time. Its folder must be there: it is that of
 * the journals.
 */
export const appendHistory = async (backups: string, record: RunRecord): Promise<void> => {
  const path = historyPath(backups);
  const file = await open(path, 'a', 0o600);
  try {
    await file.appendFile(`${JSON.stringify(record)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await fsyncDirectory(dirname(path));
};
