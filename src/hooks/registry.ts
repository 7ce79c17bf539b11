import { formatDuration } from '../base/duration.ts';
import { asStackBackupError, StackBackupError } from '../base/errors.ts';
import { afterMs } from '../base/wait/heed.ts';
import type { HookConfig } from '../config/types.ts';
import { command } from './command.ts';
import { postgres } from './postgres.ts';
import { sqlite } from './sqlite.ts';
import type { HookContext, HookKind, HookResult } from './types.ts';

export { containerOf } from './container.ts';

const kinds = { postgres, sqlite, command } as const;

/** What carries out hooks of this kind. */
const hookKind = (hook: HookConfig): HookKind => kinds[hook.kind] as HookKind;

/** How long a hook may take to end after it was told to; then it is left behind. */
const graceMs = 15_000;

/** The same error, naming the hook. */
const named = (hook: HookConfig, thrown: unknown): StackBackupError => {
  const error = asStackBackupError(thrown);
  return new StackBackupError(error.code, `hook ${hook.name}: ${error.message}`, {
    cause: error,
    ...(error.next === undefined ? {} : { next: error.next }),
    details: { ...error.details, hook: hook.name },
  });
};

const ranTooLong = (hook: HookConfig, left: boolean, cause: unknown): StackBackupError =>
  new StackBackupError(
    'timeout',
    `hook ${hook.name} did not end within ${formatDuration(hook.timeout)}${left ? ' and cannot be ended' : ' and was ended'}`,
    {
      cause,
      next: 'Find out what it waits for (a lock, a prompt, a slow disk), or give it a longer `timeout:`.',
      details: { hook: hook.name, timeoutMs: hook.timeout },
    },
  );

const wasInterrupted = (hook: HookConfig, reason: unknown): StackBackupError =>
  reason instanceof StackBackupError
    ? reason
    : new StackBackupError('interrupted', `hook ${hook.name} was interrupted`, { cause: reason });

/** `late` settles `graceMs` after the abort: even a hook that cannot be ended holds nothing up for longer. */
const leaveBehind = (signal: AbortSignal) => {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const late = new Promise<void>((resolve) => {
    onAbort = () => {
      timer = setTimeout(resolve, graceMs);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  const release = (): void => {
    clearTimeout(timer);
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  };
  return { late, release };
};

/** `work` under the hook's timeout and the run's signal; tells the two apart. */
const limited = async <Result>(
  hook: HookConfig,
  context: HookContext,
  work: (context: HookContext) => Promise<Result>,
): Promise<Result> => {
  if (context.signal.aborted) throw wasInterrupted(hook, context.signal.reason);
  const timeout = afterMs(hook.timeout);
  const signal = AbortSignal.any([context.signal, timeout]);
  const leaving = leaveBehind(signal);
  let left = false;
  try {
    return await Promise.race([
      work({ ...context, signal }),
      leaving.late.then((): never => {
        left = true;
        throw signal.reason;
      }),
    ]);
  } catch (thrown) {
    // The reason of `signal` is that of whichever came first.
    if (!signal.aborted) throw named(hook, thrown);
    if (signal.reason === timeout.reason) throw ranTooLong(hook, left, thrown);
    throw wasInterrupted(hook, context.signal.reason);
  } finally {
    leaving.release();
  }
};

/** Pre-flight of a hook: throws when it could not possibly succeed. Changes no data. */
export const checkHook = (hook: HookConfig, context: HookContext): Promise<void> =>
  limited(hook, context, (within) => hookKind(hook).check(hook, within));

/**
 * Runs a hook under its timeout. Throws `timeout` when it took too long, `interrupted` (or the reason of
 * `context.signal`) when the run was told to end, else the hook's own error; each names the hook.
 */
export const runHook = (hook: HookConfig, context: HookContext): Promise<HookResult> =>
  limited(hook, context, (within) => hookKind(hook).run(hook, within));
