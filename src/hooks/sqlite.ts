import { StackBackupError } from '../base/errors.ts';
import type { Warning } from '../base/events.ts';
import type { SqliteHook } from '../config/types.ts';
import type { ManifestDump } from '../snapshot/types.ts';
import { requireContainer } from './container.ts';
import { fileNameOf, PartialDump } from './dump.ts';
import { printable } from './output.ts';
import type { Refusal } from './sqlite/live.ts';
import { operate } from './sqlite/operate.ts';
import { locateDatabase } from './sqlite/place.ts';
import type { SqliteAnswer } from './sqlite/process.ts';
import type { HookContext, HookKind } from './types.ts';

const quoted = (hook: SqliteHook): string => `"${printable(hook.path, 200)}"`;

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

const isUnfinished = (error: unknown): boolean =>
  error instanceof StackBackupError && error.details.refusal === ('unfinished' satisfies Refusal);

/** Nobody in its container can touch the file: it is down, or frozen. */
const isSettled = (hook: SqliteHook, context: HookContext): boolean => {
  const { state } = requireContainer(hook, context).details;
  const isQuieted =
    context.phase === 'while-stopped' && context.quiesce !== undefined && context.quiesce !== 'none';
  return isQuieted || (state !== 'running' && state !== 'restarting');
};

const check = async (hook: SqliteHook, context: HookContext): Promise<void> => {
  const source = await locate(hook, context);
  // A hook before the stop will look at the content itself. One that comes later would find the damage
  // when the services are down already.
  if (context.phase === 'before-stop') return;
  const request = { source, use: 'live', check: hook.check, checkpoint: false } as const;
  await operate(hook.path, context.signal, request).catch((error: unknown) => {
    // When its time comes, its service may be down, and the journal may be rolled back.
    if (!isUnfinished(error)) throw error;
  });
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
  const request = {
    source,
    use: 'live',
    settled: isSettled(hook, context),
    check: hook.check,
    checkpoint: hook.checkpoint,
  } as const;
  if (!hook.backup) {
    const answer = await operate(hook.path, context.signal, request);
    return {
      summary: summaryOf(hook, answer, undefined),
      dumps: [],
      warnings: checkpointWarning(hook, answer),
    };
  }
  const name = `${fileNameOf(hook.path.replace(/^\/+/, ''))}.sqlite`;
  await using copy = await PartialDump.open(context.folder, fileNameOf(hook.service), name);
  const answer = await operate(hook.path, context.signal, { ...request, target: copy.partial, count: true });
  const about = { hook: hook.name, kind: 'sqlite', service: hook.service, version: answer.libraryVersion };
  const dump = {
    ...about,
    ...(await copy.keep()),
    format: 'sqlite',
    database: hook.path,
    tables: answer.tables ?? [],
  };
  return { summary: summaryOf(hook, answer, dump), dumps: [dump], warnings: checkpointWarning(hook, answer) };
};

/** Check, checkpoint and online backup of an SQLite file in a mount, while its writers go on. */
export const sqlite: HookKind<SqliteHook> = { kind: 'sqlite', check, run };
