/**
 * A process of its own that works on one SQLite database: one JSON request on stdin, one JSON answer on
 * stdout. Not a thread: SQLite's calls cannot be interrupted from JavaScript, a thread inside one keeps even
 * `process.exit` waiting, and a process can be killed at any point without harm to the database.
 */

import type { DatabaseSync, DatabaseSyncOptions } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { namesAnother } from './journal.ts';
import { openLive, type Refusal, Refused } from './live.ts';

export interface SqliteRequest {
  /** Absolute host path of the database; without links where it is live. */
  readonly source: string;
  readonly check: 'quick' | 'full' | 'none';
  readonly checkpoint: boolean;
  /**
   * live: others may write to it · quiet: nobody has it open, and nothing is written, not beside it either · own:
   * a copy for this purpose, which is opened as after a power cut, and changed by that.
   */
  readonly use: 'live' | 'quiet' | 'own';
  /** live: whoever writes to it is down, so a journal that was left behind may be rolled back. */
  readonly settled?: boolean;
  /** Count the rows of each table of the copy, or without a target of the source. */
  readonly count?: boolean;
  /** A statement that reads, of the source. */
  readonly sql?: string;
  /** Absolute path of an existing empty file that becomes the copy; without it nothing is copied. */
  readonly target?: string;
  /** Bytes that SQLite may allocate; it refuses what needs more. Without it there is no limit. */
  readonly memory?: number;
}

export interface SqliteAnswer {
  readonly libraryVersion: string;
  /** First lines of the check; empty when the database is sound. */
  readonly findings: readonly string[];
  /** SQLite's result code and words when it refused; the rest then tells how far it got. */
  readonly failure?: { readonly code: number; readonly message: string };
  /** Nothing was done, to be on the safe side. */
  readonly refusal?: Refusal;
  /** `busy` as SQLite says it; frames in the log and frames carried over; absent when not in WAL mode. */
  readonly checkpoint?: { readonly busy: boolean; readonly frames: number; readonly done: number };
  /** What the statement gave: columns with `|` between them, a row a line; cut off behind 4 KiB. */
  readonly value?: string;
  readonly tables?: readonly { readonly table: string; readonly rows: number }[];
}

/**
 * How long a lock of the application is waited for, in milliseconds. Long, because a busy writer with a
 * rollback journal can keep readers out for seconds on a slow disk; the hook's own timeout is the real limit.
 */
const patience = 60_000;
/** While a truncating checkpoint waits for readers it keeps writers out: not for long, then. */
const checkpointPatience = 1_000;
const mostFindings = 20;
/** More pages than a database can have is more than one step can take: 2^31 - 1, the largest `rate`. */
const allPages = 2 ** 31 - 1;

/** Opens without ever creating. */
const openUrl = (path: string, parameters: Readonly<Record<string, string>>): URL => {
  const url = pathToFileURL(path);
  for (const [key, value] of Object.entries(parameters)) url.searchParams.set(key, value);
  return url;
};

const guardAgainstContent = (database: DatabaseSync): void =>
  // The schema comes from a container: it must not reach functions with side effects.
  database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON');

const findingsOf = (database: DatabaseSync, check: SqliteRequest['check']): readonly string[] => {
  if (check === 'none') return [];
  const pragma = check === 'full' ? 'integrity_check' : 'quick_check';
  const rows = database.prepare(`PRAGMA ${pragma}(${mostFindings})`).all();
  const lines = rows.map((row) => String(Object.values(row)[0]));
  return lines.length === 1 && lines[0] === 'ok' ? [] : lines;
};

/** Real tables only: of virtual ones the rows are somewhere else. */
const rowsOf = (database: DatabaseSync): NonNullable<SqliteAnswer['tables']> => {
  const tables = database
    .prepare(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name",
    )
    .all() as { name: string }[];
  return tables.map(({ name }) => {
    const counted = database.prepare(`SELECT count(*) AS n FROM main."${name.replaceAll('"', '""')}"`).get();
    return { table: name, rows: Number(counted?.n) };
  });
};

const enough = 4096;

const textOf = (value: unknown): string => {
  if (value === null) return '';
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
};

/** As the sqlite3 shell prints it. */
const answerTo = (database: DatabaseSync, sql: string): string => {
  database.exec('PRAGMA query_only = ON');
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true); // two columns may have one name
  let said = '';
  for (const row of statement.iterate() as Iterable<unknown>) {
    said += `${(row as readonly unknown[]).map(textOf).join('|')}\n`;
    if (said.length > enough) break;
  }
  return said;
};

/** Findings, and where there are none the rows. */
const judge = (database: DatabaseSync, { check, count }: SqliteRequest) => {
  const findings = findingsOf(database, check);
  return count === true && findings.length === 0 ? { findings, tables: rowsOf(database) } : { findings };
};

const busy = 5;
const locked = 6;

/**
 * SQLite's result code of an error. 0 is that of a backup that could not get its read lock: Node.js reports
 * it with the state of the *target*, where nothing is wrong ("not an error").
 */
const codeOf = (error: unknown): number =>
  error instanceof Error && 'errcode' in error ? Number(error.errcode) : -1;

const isLocked = (error: unknown): boolean => [busy, locked].includes(codeOf(error) & 0xff);

const checkpointOf = (database: DatabaseSync): SqliteAnswer['checkpoint'] | undefined => {
  const run = (mode: 'PASSIVE' | 'TRUNCATE') =>
    database.prepare(`PRAGMA wal_checkpoint(${mode})`).get() as {
      busy: number;
      log: number;
      checkpointed: number;
    };
  // Asked with the longer patience: a rollback journal has nothing to carry over, and its writers lock readers out.
  const { journal_mode: journal } = database.prepare('PRAGMA journal_mode').get() as { journal_mode: string };
  if (journal !== 'wal') return undefined;
  database.exec(`PRAGMA busy_timeout = ${checkpointPatience}`);
  try {
    // The passive one first carries over the bulk without locking anybody out.
    if (run('PASSIVE').log < 0) return undefined;
    const { busy, log, checkpointed } = run('TRUNCATE');
    return { busy: busy !== 0, frames: log, done: checkpointed };
  } catch (error) {
    if (isLocked(error)) return { busy: true, frames: 0, done: 0 };
    throw error;
  }
};

const openSource = async (Database: typeof DatabaseSync, request: SqliteRequest): Promise<DatabaseSync> => {
  const { source, use, memory } = request;
  const open = (
    parameters: Readonly<Record<string, string>>,
    options: DatabaseSyncOptions = {},
  ): DatabaseSync => {
    const database = new Database(openUrl(source, parameters), { timeout: patience, ...options });
    guardAgainstContent(database);
    if (memory !== undefined) database.exec(`PRAGMA hard_heap_limit = ${Math.floor(memory)}`);
    return database;
  };
  if (use === 'quiet') return open({ mode: 'ro', immutable: '1' }, { readOnly: true });
  if (use === 'live') return openLive(request, (mode, options) => open({ mode }, options));
  if (await namesAnother(source)) throw new Refused('names-another');
  return open({ mode: 'rw' });
};

const work = async (request: SqliteRequest): Promise<SqliteAnswer> => {
  const { DatabaseSync, backup } = await import('node:sqlite');
  let answer: SqliteAnswer = { libraryVersion: process.versions.sqlite ?? '', findings: [] };
  try {
    using source = await openSource(DatabaseSync, request);
    if (request.sql !== undefined) return { ...answer, value: answerTo(source, request.sql) };
    if (request.target === undefined) answer = { ...answer, ...judge(source, request) };
    else {
      // All pages in one step: between steps a writer would make SQLite begin anew, for ever under load.
      await backup(source, request.target, { rate: allPages }).catch((error: unknown) => {
        throw codeOf(error) === 0 ? Object.assign(new Error('database is locked'), { errcode: busy }) : error;
      });
      // The copy holds the same pages, damage included, and checking it locks nobody out.
      // immutable: nothing else opens it, and no -wal or -shm is put beside it.
      using copy = new DatabaseSync(openUrl(request.target, { mode: 'ro', immutable: '1' }), {
        readOnly: true,
      });
      guardAgainstContent(copy);
      answer = { ...answer, ...judge(copy, request) };
    }
    if (!request.checkpoint || answer.findings.length > 0) return answer;
    const checkpoint = checkpointOf(source);
    return checkpoint === undefined ? answer : { ...answer, checkpoint };
  } catch (error) {
    if (error instanceof Refused) return { ...answer, refusal: error.refusal };
    return {
      ...answer,
      failure: { code: codeOf(error), message: error instanceof Error ? error.message : String(error) },
    };
  }
};

const request = JSON.parse(await text(process.stdin)) as SqliteRequest;
process.stdout.write(JSON.stringify(await work(request)));
