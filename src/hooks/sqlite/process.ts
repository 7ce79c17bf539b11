/**
 * A process of its own that works on one SQLite database: one JSON request on stdin, one JSON answer on
 * stdout. Not a thread: SQLite's calls cannot be interrupted from JavaScript, a thread inside one keeps even
 * `process.exit` waiting, and a process can be killed at any point without harm to the database.
 */

import type { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

export interface SqliteRequest {
  /** Absolute host path of the live database. */
  readonly source: string;
  readonly check: 'quick' | 'full';
  readonly checkpoint: boolean;
  /** Absolute path of an existing empty file that becomes the copy; without it nothing is copied. */
  readonly target?: string;
}

export interface SqliteAnswer {
  readonly libraryVersion: string;
  /** First lines of the check; empty when the database is sound. */
  readonly findings: readonly string[];
  /** SQLite's result code and words when it refused; the rest then tells how far it got. */
  readonly failure?: { readonly code: number; readonly message: string };
  /** `busy` as SQLite says it; frames in the log and frames carried over; absent when not in WAL mode. */
  readonly checkpoint?: { readonly busy: boolean; readonly frames: number; readonly done: number };
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

const findingsOf = (database: DatabaseSync, check: 'quick' | 'full'): readonly string[] => {
  const pragma = check === 'full' ? 'integrity_check' : 'quick_check';
  const rows = database.prepare(`PRAGMA ${pragma}(${mostFindings})`).all();
  const lines = rows.map((row) => String(Object.values(row)[0]));
  return lines.length === 1 && lines[0] === 'ok' ? [] : lines;
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

const work = async (request: SqliteRequest): Promise<SqliteAnswer> => {
  const { DatabaseSync, backup } = await import('node:sqlite');
  let answer: SqliteAnswer = { libraryVersion: process.versions.sqlite ?? '', findings: [] };
  try {
    using source = new DatabaseSync(openUrl(request.source, { mode: 'rw' }), { timeout: patience });
    guardAgainstContent(source);
    if (request.target === undefined) answer = { ...answer, findings: findingsOf(source, request.check) };
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
      answer = { ...answer, findings: findingsOf(copy, request.check) };
    }
    if (!request.checkpoint || answer.findings.length > 0) return answer;
    const checkpoint = checkpointOf(source);
    return checkpoint === undefined ? answer : { ...answer, checkpoint };
  } catch (error) {
    return {
      ...answer,
      failure: { code: codeOf(error), message: error instanceof Error ? error.message : String(error) },
    };
  }
};

const request = JSON.parse(await text(process.stdin)) as SqliteRequest;
process.stdout.write(JSON.stringify(await work(request)));
