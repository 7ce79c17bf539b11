import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from '../../base/clock.ts';
import { isInside } from '../../base/disk.ts';
import { errnoOf, messageOf, StackBackupError } from '../../base/errors.ts';
import { loadSchema } from '../../base/schema.ts';
import { journalsPath, temporariesPath } from '../../snapshot/layout.ts';
import type { Journal } from '../journal.ts';

/** A journal that was found, and what can be said of it. */
export interface FoundJournal {
  /** Absolute path of the file. */
  readonly path: string;
  readonly journal?: Journal;
  /** Why it cannot be used; then it is left where it is. */
  readonly problem?: string;
}

const parsed = async (path: string, backups: string): Promise<FoundJournal> => {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    return { path, problem: `it cannot be read: ${messageOf(error)}` };
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version > 1)
    return { path, problem: `a newer stack-backup wrote it (version ${version}): use that one` };
  const validate = loadSchema('journal.schema.json');
  if (!validate(value)) return { path, problem: 'it is damaged' };
  const journal = value as Journal;
  // It names a folder that will be removed: only one of the tool's own may be.
  if (!(await isInside(journal.folder, temporariesPath(backups))))
    return { path, problem: `it names a folder outside of ${temporariesPath(backups)}` };
  return { path, journal };
};

/** All journals in a backups folder; those of runs under way are among them. */
export const findJournals = async (backups: string): Promise<readonly FoundJournal[]> => {
  const folder = journalsPath(backups);
  const names = await readdir(folder).catch((error: unknown) => {
    const errno = errnoOf(error) ?? '';
    // No folder, no journals; that it cannot be one (a file stands there) is for the checks of a run to tell.
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errno)) return [];
    throw new StackBackupError(
      'backups-unusable',
      `the backups folder ${backups} cannot be read (${errno})`,
      {
        cause: error,
        next: 'Run as a user who may read and write there, or choose another path with `backups:` or --backups.',
      },
    );
  });
  const files = names.filter((name) => name.endsWith('.json')).sort();
  return Promise.all(files.map((name) => parsed(join(folder, name), backups)));
};

/** Whether the run that wrote it is over: proved by boot id, pid and start time, never by age. */
export const isDead = (journal: Journal): boolean => !isAlive(journal.process);
