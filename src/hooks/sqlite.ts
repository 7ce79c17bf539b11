import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StackBackupError } from '../base/errors.ts';
import type { Warning } from '../base/events.ts';
import { run as runProcess } from '../base/process.ts';
import type { SqliteHook } from '../config/types.ts';
import type { ManifestDump } from '../snapshot/types.ts';
import { requireContainer } from './container.ts';
import { fileNameOf, PartialDump } from './dump.ts';
import { excerpt, printable } from './output.ts';
import { locateDatabase } from './sqlite/place.ts';
import type { SqliteAnswer, SqliteRequest } from './sqlite/process.ts';
import type { HookContext, HookKind } from './types.ts';

/** `.ts` from the sources, `.js` when built: the program lies beside this file in both. */
const program = fileURLToPath(new URL(`./sqlite/process${extname(import.meta.url)}`, import.meta.url));

/** Result codes of SQLite that mean damage: SQLITE_CORRUPT and SQLITE_NOTADB (sqlite.org/rescode.html). */
const damage = new Set([11, 26]);
const locked = new Set([5, 6]);
const full = 13;

const quoted = (hook: SqliteHook): string => `"${printable(hook.path, 200)}"`;

const corrupt = (hook: SqliteHook, found: readonly string[]): StackBackupError => {
  const lines = found.flatMap((line) => line.split('\n')).map((line) => printable(line, 200));
  const more = lines.length > 5 ? ` | … ${lines.length - 5} more` : '';
  return new StackBackupError(
    'database-corrupt',
    `the SQLite database ${quoted(hook)} is damaged: ${lines.slice(0, 5).join(' | ')}${more}`,
    { next: 'Restore it from an earlier snapshot, or rescue its rows with `sqlite3 <file> .recover`.' },
  );
};

const refused = (hook: SqliteHook, code: number, message: string): StackBackupError => {
  const primary = code & 0xff;
  if (damage.has(primary)) return corrupt(hook, [message]);
  const text = `SQLite cannot work on ${quoted(hook)}: ${printable(message)}`;
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

/** Lets the database process do its work; throws when it refuses or finds damage. */
const operate = async (
  hook: SqliteHook,
  context: HookContext,
  request: SqliteRequest,
): Promise<SqliteAnswer> => {
  const ended = await runProcess([process.execPath, '--disable-warning=ExperimentalWarning', program], {
    signal: context.signal,
    input: JSON.stringify(request),
  });
  if (ended.exitCode !== 0)
    throw new StackBackupError(
      'hook-failed',
      `the process that works on ${quoted(hook)} ended with exit code ${ended.exitCode}: ${excerpt(ended.stderr)}`,
      { next: 'Look whether the machine is short of memory, then run the backup again.' },
    );
  const answer = JSON.parse(ended.stdout.toString('utf8')) as SqliteAnswer;
  if (answer.failure !== undefined) throw refused(hook, answer.failure.code, answer.failure.message);
  if (answer.findings.length > 0) throw corrupt(hook, answer.findings);
  return answer;
};

const locate = async (hook: SqliteHook, context: HookContext): Promise<string> => {
  const container = requireContainer(hook, context);
  if (!context.hostPaths)
    throw new StackBackupError(
      'hook-failed',
      `the file ${quoted(hook)} is out of reach: this engine's paths are not this machine's`,
      {
        next: 'Run stack-backup on the engine’s own host, or dump with a `command` hook that runs `sqlite3 … .backup` in the service.',
      },
    );
  return locateDatabase(container.details.mounts, hook.path);
};

const check = async (hook: SqliteHook, context: HookContext): Promise<void> => {
  const source = await locate(hook, context);
  // A hook before the stop will look at the content itself. One that comes later would find the damage
  // when the services are down already.
  if (context.phase !== 'before-stop')
    await operate(hook, context, { source, check: hook.check, checkpoint: false });
};

const checkpointWarning = (hook: SqliteHook, answer: SqliteAnswer): readonly Warning[] => {
  const { checkpoint } = answer;
  if (checkpoint === undefined || !checkpoint.busy) return [];
  return [
    {
      code: 'sqlite-checkpoint-busy',
      message:
        `the WAL of ${quoted(hook)} could not be truncated, a reader or writer is in it: ` +
        `${checkpoint.done} of ${checkpoint.frames} frames carried over`,
      about: hook.name,
    },
  ];
};

const summaryOf = (hook: SqliteHook, answer: SqliteAnswer, dump: ManifestDump | undefined): string => {
  const parts = [
    `SQLite ${answer.libraryVersion}: ${hook.check === 'full' ? 'integrity_check' : 'quick_check'} ok`,
  ];
  if (answer.checkpoint !== undefined)
    parts.push(answer.checkpoint.busy ? 'WAL not truncated' : 'WAL checkpointed and truncated');
  if (dump !== undefined) parts.push(`${dump.bytes} bytes saved`);
  return parts.join(', ');
};

const run = async (hook: SqliteHook, context: HookContext) => {
  const source = await locate(hook, context);
  const request = { source, check: hook.check, checkpoint: hook.checkpoint };
  if (!hook.backup) {
    const answer = await operate(hook, context, request);
    return {
      summary: summaryOf(hook, answer, undefined),
      dumps: [],
      warnings: checkpointWarning(hook, answer),
    };
  }
  const name = `${fileNameOf(hook.path.replace(/^\/+/, ''))}.sqlite`;
  await using copy = await PartialDump.open(context.folder, fileNameOf(hook.service), name);
  const answer = await operate(hook, context, { ...request, target: copy.partial });
  const about = { hook: hook.name, kind: 'sqlite', service: hook.service, version: answer.libraryVersion };
  const dump = { ...about, ...(await copy.keep()), format: 'sqlite', database: hook.path };
  return { summary: summaryOf(hook, answer, dump), dumps: [dump], warnings: checkpointWarning(hook, answer) };
};

/** Check, checkpoint and online backup of an SQLite file in a mount, while its writers go on. */
export const sqlite: HookKind<SqliteHook> = { kind: 'sqlite', check, run };
