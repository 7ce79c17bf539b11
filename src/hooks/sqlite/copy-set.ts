import { lstat } from 'node:fs/promises';
import { errnoOf, StackBackupError } from '../../base/errors.ts';
import { run } from '../../base/process.ts';
import { printable } from '../../base/text/printable.ts';

/** What belongs to a database beside it; its `-shm` is made anew. */
const parts = ['', '-wal', '-journal'] as const;

const isThere = async (path: string): Promise<boolean> => {
  try {
    return (await lstat(path)).isFile();
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return false;
    throw thrown;
  }
};

/**
 * Copies a database with the log or journal that it has, which it is another one without. No link is followed.
 * Rejects with `copy-failed`.
 */
export const copySet = async (from: string, to: string, signal: AbortSignal): Promise<void> => {
  for (const part of parts) {
    if (part !== '' && !(await isThere(from + part))) continue;
    const copying = ['cp', '--reflink=auto', '--no-dereference', '--', from + part, to + part];
    const { exitCode, stderr } = await run(copying, { signal, env: { LC_ALL: 'C' } });
    if (exitCode !== 0)
      throw new StackBackupError('copy-failed', `it cannot be copied: ${printable(stderr.trim())}`, {
        next: 'Free space in the backups folder.',
      });
  }
};
