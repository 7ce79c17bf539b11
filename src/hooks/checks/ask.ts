import { formatDuration } from '../../base/duration.ts';
import { StackBackupError } from '../../base/errors.ts';
import { afterMs } from '../../base/wait/heed.ts';
import type { Check, CommandCheck, PostgresCheck, SqliteCheck } from '../../config/checks/types.ts';
import type { HookConfig } from '../../config/types.ts';
import type { Engine } from '../../docker/engine.ts';
import type { StackContainer } from '../../stack/types.ts';
import { type Ended, execute, processFailure } from '../container.ts';
import { mask, secretsIn } from '../output.ts';
import { psql } from '../postgres/psql.ts';
import { accessOf } from '../postgres/server.ts';
import { operate } from '../sqlite/operate.ts';
import { locateDatabase } from '../sqlite/place.ts';

/** Longest value of a check, bytes. */
const longestValue = 4096;

/** Where a check is asked. */
export interface CheckContext {
  readonly engine: Pick<Engine, 'exec'>;
  /** The container of the check's service. */
  readonly container: StackContainer;
  /** Those of the instance: the service's postgres hook knows the user and the password. */
  readonly hooks: readonly HookConfig[];
  /** What must not stand in a value: see `secretsOf`. */
  readonly secrets: readonly string[];
  /** The engine's host paths can be read from here. */
  readonly hostPaths: boolean;
  /** Nobody has an SQLite file open: a journal that was left behind may be rolled back. */
  readonly settled?: boolean;
  readonly signal: AbortSignal;
}

const failed = (message: string, next: string): StackBackupError =>
  new StackBackupError('check-failed', message, { next });

/** Every secret that containers and hooks of a stack are known to have: they are masked in values. */
export const secretsOf = (
  containers: readonly StackContainer[],
  hooks: readonly HookConfig[],
): readonly string[] => [
  ...new Set([
    ...containers.flatMap(({ details }) => secretsIn(details.env)),
    ...hooks.flatMap((hook) => (hook.kind === 'postgres' && hook.password ? [hook.password] : [])),
  ]),
];

/** What a program printed as the value of a check: whole, printable as JSON, without secrets. */
const cleaned = (output: Buffer, total: number, secrets: readonly string[]): string => {
  if (total > longestValue)
    throw failed(
      `it printed ${total} bytes, more than the ${longestValue} that are kept`,
      'Let it print a number or a hash.',
    );
  return mask(output.toString('utf8'), secrets).trimEnd();
};

const requireAnswer = (
  { container, secrets }: CheckContext,
  program: string,
  { exitCode, stdout, stderr }: Ended,
): string => {
  if (exitCode === 0) return cleaned(stdout.bytes(), stdout.total, secrets);
  const error = processFailure(
    `it failed`,
    program,
    `in service ${container.service}`,
    { exitCode, stdout, stderr },
    {
      secrets,
      next: 'Run it by hand to see why.',
    },
  );
  throw new StackBackupError('check-failed', error.message, {
    cause: error,
    ...(error.next && { next: error.next }),
  });
};

const askCommand = async (check: CommandCheck, context: CheckContext): Promise<string> => {
  const command = typeof check.command === 'string' ? ['sh', '-c', check.command] : check.command;
  const ended = await execute(context, context.container, {
    command,
    ...(check.user === undefined ? {} : { user: check.user }),
    ...(check.workingDir === undefined ? {} : { workingDir: check.workingDir }),
  });
  return requireAnswer(context, command[0] ?? '', ended);
};

const askPostgres = async (check: PostgresCheck, context: CheckContext): Promise<string> => {
  const hook = context.hooks.find((one) => one.kind === 'postgres' && one.service === check.service);
  const known = hook?.kind === 'postgres' ? hook : undefined;
  const user = check.user ?? known?.user;
  const access = accessOf(
    {
      databases: 'all',
      ...(user === undefined ? {} : { user }),
      ...(known?.password === undefined ? {} : { password: known.password }),
    },
    context.container,
  );
  const own = context.container.details.env.find((line) => line.startsWith('POSTGRES_DB='))?.slice(12);
  const database = check.database ?? (own || access.user);
  const ended = await psql(context, access, database, [check.sql], { forPeople: true, env: [readOnly] });
  return requireAnswer(context, 'psql', ended);
};

/** A check only reads: what it would change would change the snapshot. */
const readOnly = 'PGOPTIONS=-c default_transaction_read_only=on';

const askSqlite = async (check: SqliteCheck, context: CheckContext): Promise<string> => {
  if (!context.hostPaths)
    throw failed(
      `the file ${check.path} is out of reach: this engine's paths are not this machine's`,
      'Ask with a `command` in the service.',
    );
  const source = await locateDatabase(context.container.details.mounts, check.path);
  return valueOfFile(check, source, 'live', context);
};

/** The answer of an SQLite file on this machine. `own`: a copy that may be written to, log and journal beside it. */
export const valueOfFile = async (
  { path, sql }: SqliteCheck,
  source: string,
  use: 'live' | 'own',
  { secrets, signal, settled = false }: Pick<CheckContext, 'secrets' | 'signal' | 'settled'>,
): Promise<string> => {
  const request = { source, use, settled, check: 'none', checkpoint: false, sql } as const;
  const { value = '' } = await operate(path, signal, request);
  return cleaned(Buffer.from(value), Buffer.byteLength(value), secrets);
};

/**
 * Asks a check of what runs now, and resolves with its value. Rejects with `check-failed`, or with `hook-failed`
 * or `database-corrupt` when the container or the file cannot answer. The time limit is the caller's affair.
 */
export const askCheck = async (check: Check, context: CheckContext): Promise<string> => {
  if (check.kind === 'sqlite') return askSqlite(check, context);
  const { service, details } = context.container;
  if (details.state !== 'running')
    throw failed(`service ${service} is ${details.state}, not running`, `Start service ${service}.`);
  return check.kind === 'command' ? askCommand(check, context) : askPostgres(check, context);
};

/** `ask` under the check's time limit: it is left behind when it does not end in time. */
export const inTime = async (
  check: Check,
  signal: AbortSignal,
  ask: (signal: AbortSignal) => Promise<string>,
): Promise<string> => {
  const limit = afterMs(check.timeout);
  const both = AbortSignal.any([signal, limit]);
  both.throwIfAborted();
  const asking = ask(both);
  asking.catch(() => undefined);
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(both.reason);
  both.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([asking, promise]);
  } catch (error) {
    if (!limit.aborted || signal.aborted) throw error;
    throw new StackBackupError('check-failed', `it did not answer within ${formatDuration(check.timeout)}`, {
      cause: error,
      next: 'Give it a longer `timeout:`, or let it ask for less: services wait for it.',
    });
  } finally {
    both.removeEventListener('abort', onAbort);
  }
};
