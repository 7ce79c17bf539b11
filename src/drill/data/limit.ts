import { formatDuration } from '../../base/duration.ts';
import type { LoadContext, LoadSource } from '../../hooks/load/types.ts';
import type { CheckResult } from '../../run/drill/record.ts';

/** The longest time a timer of Node can wait, ms; a longer one would fire at once. */
export const longestTimer = 2 ** 31 - 1;
/** Where no hook of the configuration says how long its dump may take. */
const defaultMs = 60 * 60_000;
/** A load builds indexes besides. */
const loadFactor = 4;

/** How long the tables of a dump may be counted, and how long it may be loaded, ms: by what its making may take. */
export const limitsOf = ({ hook }: LoadContext): { readonly countMs: number; readonly loadMs: number } => {
  const countMs = Math.max(hook?.timeout ?? 0, defaultMs);
  return { countMs, loadMs: countMs * loadFactor };
};

/**
 * Work on a dump that ends at a limit, ms: a server that answers to nothing would hold the drill up for ever. What
 * does not end then is left behind, and goes with the sandbox; the answer is a check that did not hold. An
 * interruption is passed on.
 */
export const within = async (
  context: LoadContext,
  { dump }: LoadSource,
  limitMs: number,
  work: (context: LoadContext) => Promise<readonly CheckResult[]>,
): Promise<readonly CheckResult[]> => {
  const limit = AbortSignal.timeout(Math.min(limitMs, longestTimer));
  const signal = AbortSignal.any([context.signal, limit]);
  const working = work({ ...context, signal });
  working.catch(() => undefined);
  const { promise: over, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([working, over]);
  } catch (error) {
    if (context.signal.aborted || !limit.aborted) throw error;
    const message = `it did not end within ${formatDuration(limitMs)}`;
    return [{ kind: 'rows', about: dump.path, ok: false, message }];
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
};
