import { formatDuration } from '../../base/duration.ts';
import { afterMs, heeding } from '../../base/wait/heed.ts';
import type { LoadContext, LoadSource } from '../../hooks/load/types.ts';
import type { CheckResult } from '../../run/drill/record.ts';

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
  const limit = afterMs(limitMs);
  const signal = AbortSignal.any([context.signal, limit]);
  try {
    return await heeding(signal, () => work({ ...context, signal }));
  } catch (error) {
    if (context.signal.aborted || !limit.aborted) throw error;
    const message = `it did not end within ${formatDuration(limitMs)}`;
    return [{ kind: 'rows', about: dump.path, ok: false, message }];
  }
};
