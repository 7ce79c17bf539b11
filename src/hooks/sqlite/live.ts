import { existsSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import type { DatabaseSync, DatabaseSyncOptions } from 'node:sqlite';
import { setTimeout as passing } from 'node:timers/promises';
import { namesAnother } from './journal.ts';
import type { SqliteRequest } from './process.ts';

/**
 * Why a live database is not worked on. `unfinished`: its journal has to be rolled back, and whoever runs there
 * could swap it meanwhile · `names-another`: its journal names a file that SQLite would remove · `moved`: what
 * was opened is not the file that was asked for.
 */
export type Refusal = 'unfinished' | 'names-another' | 'moved';

export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal);
    this.refusal = refusal;
  }
}

type Open = (mode: 'ro' | 'rw', options?: DatabaseSyncOptions) => DatabaseSync;

/** SQLITE_READONLY_ROLLBACK: there is a journal to be rolled back, and this connection never does that. */
const mustRollBack = 776;
/** A writer that commits at this very moment looks like one that was killed; not twenty times. */
const looks = 20;
const betweenLooksMs = 25;
/** How long the writing connection waits; a planted journal, which it must not roll back, keeps it waiting, too. */
const writerPatience = 2_000;

/** The files that this process has open under this path, as the kernel sees them: links are followed already. */
const openedAs = (path: string): readonly Stats[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path ? [statSync(`/proc/self/fd/${fd}`)] : [];
    } catch {
      return []; // the one that lists them
    }
  });

/** A path can lead elsewhere since it was looked at: a link in the place of the file, or of a folder above it. */
const requireOpened = (path: string, times: number): void => {
  const opened = openedAs(path);
  const [first] = opened;
  const isOne = opened.every(({ dev, ino }) => dev === first?.dev && ino === first.ino);
  if (opened.length < times || !isOne) throw new Refused('moved');
};

/** Begins to read, and keeps on: nobody gets to write in between. The journal mode of the database. */
const begin = (database: DatabaseSync): string => {
  database.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
  return String(database.prepare('PRAGMA journal_mode').get()?.journal_mode);
};

const isUnfinished = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && error.errcode === mustRollBack;

/** The same; undefined where a journal has to be rolled back first, which stays where it is. */
const beginLooking = async (reader: DatabaseSync): Promise<string | undefined> => {
  for (let look = 1; ; look++) {
    try {
      return begin(reader);
    } catch (error) {
      if (!isUnfinished(error)) throw error;
      reader.exec('ROLLBACK');
      if (look === looks) return undefined;
      await passing(betweenLooksMs);
    }
  }
};

/** Rolls a journal back that was left. Whoever could swap it is down, so it is the one that is looked at. */
const rollBack = async ({ source, settled }: SqliteRequest, open: Open): Promise<DatabaseSync> => {
  if (await namesAnother(source)) throw new Refused('names-another');
  if (settled !== true) throw new Refused('unfinished');
  const database = open('rw');
  requireOpened(source, 1);
  return database;
};

/**
 * A connection that can checkpoint, in the place of `reader`. No journal can be rolled back through it, not even
 * one that appears now: that needs a lock which `reader` is in the way of until the log has been begun.
 */
const writerBeside = (reader: DatabaseSync, { source }: SqliteRequest, open: Open): DatabaseSync => {
  reader.exec('COMMIT');
  const writer = open('rw', { timeout: writerPatience });
  requireOpened(source, 2);
  writer.prepare('SELECT count(*) FROM sqlite_schema').get();
  return writer;
};

/**
 * Opens a database that a container may write to, and may turn against this program at any moment. Reading, no
 * journal is rolled back. Rejects with `Refused`, or as SQLite does; `open` must not create anything.
 */
export const openLive = async (request: SqliteRequest, open: Open): Promise<DatabaseSync> => {
  const { source, target, checkpoint } = request;
  const hadLog = existsSync(`${source}-wal`);
  const reader = open('ro', { readOnly: true });
  let kept: DatabaseSync | undefined;
  try {
    requireOpened(source, 1);
    const mode = await beginLooking(reader);
    if (mode === undefined) kept = await rollBack(request, open);
    // The last one who closes it folds its log into it: only looked at, that stays as it is, or is not there.
    else if (mode === 'wal' && (target !== undefined || checkpoint || !hadLog))
      kept = writerBeside(reader, request, open);
    else kept = reader;
    return kept;
  } finally {
    if (kept !== reader) reader.close();
  }
};
