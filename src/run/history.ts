import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fsyncDirectory } from '../base/disk.ts';
import type { Outcome } from '../base/events.ts';
import { historyPath } from '../snapshot/layout.ts';
import type { RunRecord } from './record.ts';

const endsWithinLine = async (file: FileHandle): Promise<boolean> => {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== 0x0a;
};

/** What every line of the history has; `kind` is absent for a backup. */
export interface HistoryLine {
  readonly version: 1;
  readonly kind?: string;
  readonly instance: string;
  readonly snapshot: string;
}

/**
 * Adds a line to the history, durably: one line of JSON (schemas/history.schema.json), appended in one
 * write, so that runs of several instances can end at the same time. Its folder must be there: it is that of
 * the journals.
 */
export const appendHistory = async (backups: string, record: HistoryLine): Promise<void> => {
  const path = historyPath(backups);
  const file = await open(path, 'a+', 0o600);
  try {
    // A line that a full disk or a power cut left half-written spoils none but itself.
    const begin = (await endsWithinLine(file)) ? '\n' : '';
    await file.appendFile(`${begin}${JSON.stringify(record)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await fsyncDirectory(dirname(path));
};

/** The outcome that the history tells of a run; undefined when it has nothing of it, or cannot be read. */
export const rememberedOutcome = async (backups: string, run: string): Promise<Outcome | undefined> => {
  const text = await readFile(historyPath(backups), 'utf8').catch(() => '');
  const told = text.split('\n').filter((line) => line.includes(`"run":${JSON.stringify(run)}`));
  try {
    return (JSON.parse(told.at(-1) ?? '{}') as Partial<RunRecord>).outcome;
  } catch {
    return undefined; // a power cut left half a line
  }
};
