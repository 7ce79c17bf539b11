import { StackBackupError } from '../../base/errors.ts';
import { run as runProcess } from '../../base/process.ts';
import { excerpt, printable } from '../output.ts';
import { sqliteProcess } from './command.ts';
import type { Refusal } from './live.ts';
import type { SqliteAnswer, SqliteRequest } from './process.ts';

/** Result codes of SQLite that mean damage: SQLITE_CORRUPT and SQLITE_NOTADB (sqlite.org/rescode.html). */
const damage = new Set([11, 26]);
const locked = new Set([5, 6]);
const full = 13;

const quoted = (path: string): string => `"${printable(path, 200)}"`;

const corrupt = (path: string, found: readonly string[]): StackBackupError => {
  const lines = found.flatMap((line) => line.split('\n')).map((line) => printable(line, 200));
  const more = lines.length > 5 ? ` | … ${lines.length - 5} more` : '';
  return new StackBackupError(
    'database-corrupt',
    `the SQLite database ${quoted(path)} is damaged: ${lines.slice(0, 5).join(' | ')}${more}`,
    { next: 'Restore it from an earlier snapshot, or rescue its rows with `sqlite3 <file> .recover`.' },
  );
};

const refused = (path: string, code: number, message: string): StackBackupError => {
  const primary = code & 0xff;
  if (damage.has(primary)) return corrupt(path, [message]);
  const text = `SQLite cannot work on ${quoted(path)}: ${printable(message)}`;
  if (locked.has(primary))
    return new StackBackupError('hook-failed', text, {
      next: 'Something holds the database locked: end its long transaction, or use `phase: while-stopped`.',
    });
  if (primary === full)
    return new StackBackupError('hook-failed', text, { next: 'Free space in the backups folder.' });
  return new StackBackupError('hook-failed', text, {
    next: 'Check that the file and its folder can be read and written by the user who runs stack-backup.',
  });
};

/** What is wrong, and what to do, where nothing was done to be on the safe side. */
const refusals: Readonly<Record<Refusal, (path: string) => readonly [string, string]>> = {
  unfinished: (path) => [
    `${path} has a journal that is to be rolled back: a program was killed that wrote to it`,
    'Let the application open the database, which rolls it back; or give the hook `phase: while-stopped`.',
  ],
  'names-another': (path) => [
    `the journal of ${path} names another file, which SQLite would remove; it is part of a transaction over several databases, or was put there`,
    'Let the application open its databases, which ends the transaction. If it has only this one, find out who wrote that journal.',
  ],
  moved: (path) => [
    `${path} was replaced while it was opened`,
    'Run it again. If it comes again, find out who puts links or other files there.',
  ],
};

/** Lets the database process do its work; throws when it refuses or finds damage. `path` is what people call it. */
export const operate = async (
  path: string,
  signal: AbortSignal,
  request: SqliteRequest,
): Promise<SqliteAnswer> => {
  const ended = await runProcess(sqliteProcess(), {
    signal,
    input: JSON.stringify(request),
  });
  if (ended.exitCode !== 0)
    throw new StackBackupError(
      'hook-failed',
      `the process that works on ${quoted(path)} ended with exit code ${ended.exitCode}: ${excerpt(ended.stderr)}`,
      { next: 'Look whether the machine is short of memory, then run the backup again.' },
    );
  const answer = JSON.parse(ended.stdout.toString('utf8')) as SqliteAnswer;
  if (answer.refusal !== undefined) {
    const [message, next] = refusals[answer.refusal](quoted(path));
    throw new StackBackupError('database-unsafe', message, { next, details: { refusal: answer.refusal } });
  }
  if (answer.failure !== undefined) throw refused(path, answer.failure.code, answer.failure.message);
  if (answer.findings.length > 0) throw corrupt(path, answer.findings);
  return answer;
};
