import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isAlive } from '../../base/clock.ts';
import { isInside } from '../../base/disk.ts';
import { errnoOf, messageOf, StackBackupError } from '../../base/errors.ts';
import { loadSchema } from '../../base/schema.ts';
import { journalsPath, temporariesPath } from '../../snapshot/layout.ts';
import type { Journal } from '../journal.ts';

/** The version of the format this program writes, and the only one there is. */
const journalVersion = 1;

/** A journal with where it lies. */
export interface Found {
  readonly backups: string;
  /** Absolute path of the journal. */
  readonly path: string;
  readonly journal: Journal;
  /** Written by this user, and nobody else can have changed it. */
  readonly isOurs: boolean;
}

/** A journal that cannot be used; it is left where it is. */
export interface Unusable {
  /** Absolute path of the file. */
  readonly path: string;
  readonly problem: string;
}

interface Text {
  readonly text: string;
  readonly isOurs: boolean;
}

/** Not through a link, and never waiting for whoever writes into a pipe. */
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const readText = async (path: string): Promise<Text> => {
  const file = await open(path, flags);
  try {
    const { uid, mode } = await file.stat();
    const bytes = await file.readFile();
    const isOurs = uid === process.geteuid?.() && (mode & 0o022) === 0;
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), isOurs };
  } finally {
    await file.close();
  }
};

const versionProblem = (value: unknown): string | undefined => {
  const version = (value as { version?: unknown } | null)?.version;
  return typeof version === 'number' && version > journalVersion
    ? `a newer stack-backup wrote it (version ${version}): use that one`
    : undefined;
};

/** One journal; undefined when it has gone meanwhile: its run is over, or somebody else has recovered it. */
export const readJournal = async (path: string, backups: string): Promise<Found | Unusable | undefined> => {
  let value: unknown;
  let isOurs: boolean;
  try {
    const read = await readText(path);
    ({ isOurs } = read);
    value = JSON.parse(read.text);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    return { path, problem: `it cannot be read: ${messageOf(error)}` };
  }
  const newer = versionProblem(value);
  if (newer !== undefined) return { path, problem: newer };
  const validate = loadSchema('journal.schema.json');
  if (!validate(value)) return { path, problem: 'it is damaged' };
  const journal = value as Journal;
  // It names a folder that will be removed: only its own may be, and not the one of all runs.
  const isOwn = basename(journal.folder) === journal.id;
  if (!isOwn || !(await isInside(journal.folder, temporariesPath(backups))))
    return { path, problem: `it names a folder outside of ${temporariesPath(backups)}` };
  return { backups, path, journal, isOurs };
};

const namesIn = async (backups: string): Promise<readonly string[]> => {
  try {
    return await readdir(journalsPath(backups));
  } catch (error) {
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
  }
};

/** All journals in a backups folder; those of runs under way are among them. */
export const findJournals = async (backups: string): Promise<readonly (Found | Unusable)[]> => {
  const names = (await namesIn(backups)).filter((name) => name.endsWith('.json')).sort();
  const paths = names.map((name) => join(journalsPath(backups), name));
  const read = await Promise.all(paths.map((path) => readJournal(path, backups)));
  return read.filter((one) => one !== undefined);
};

/** Whether the run that wrote it is over: proved by boot id, pid and start time, never by age. */
export const isDead = (journal: Journal): boolean => !isAlive(journal.process);
