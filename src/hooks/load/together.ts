import { formatDuration } from '../../base/duration.ts';
import { messageOf, StackBackupError } from '../../base/errors.ts';
import { loadDump, settleLoad, swapLoad, undoLoad } from './load.ts';
import type { LoadContext, LoadPlan } from './types.ts';

/** One of several loads, and where it goes. */
export interface PlannedLoad {
  readonly context: LoadContext;
  readonly plan: LoadPlan;
}

type Step = (context: LoadContext, plan: LoadPlan) => Promise<void>;

/** Such a step renames, and removes at most: a server that takes longer does not answer. */
const limitMs = 600_000;

/** Not to be interrupted, but not without an end. */
const toItsEnd = async ({ context, plan }: PlannedLoad, step: Step): Promise<void> => {
  const signal = AbortSignal.timeout(limitMs);
  try {
    await step({ ...context, signal }, plan);
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new StackBackupError('timeout', `it took longer than ${formatDuration(limitMs)}`, { cause });
  }
};

/** Each in its turn, whatever becomes of the others; what went wrong, a line each. */
const each = async (loads: readonly PlannedLoad[], step: Step): Promise<readonly string[]> => {
  const problems: string[] = [];
  for (const load of loads)
    await toItsEnd(load, step).catch((error: unknown) => {
      problems.push(`${load.plan.database} of ${load.plan.service}: ${messageOf(error)}`);
    });
  return problems;
};

/** Puts every old database back, the last one first. Resolves with what could not be put back, and why. */
export const undoTogether = (loads: readonly PlannedLoad[]): Promise<readonly string[]> =>
  each([...loads].reverse(), undoLoad);

/** Removes the old databases. Resolves with what could not be removed: it does no harm but take space. */
export const settleTogether = (loads: readonly PlannedLoad[]): Promise<readonly string[]> =>
  each(loads, settleLoad);

/**
 * Loads all of them beside what is there, and only when the last one is proved puts them in place, one after
 * the other. When one fails, or `signal`s of the contexts abort, all is put back before this rejects: with the
 * failure, or `restore-failed` when something could not be put back. `onLoad` hears before each begins.
 */
export const loadTogether = async (
  loads: readonly PlannedLoad[],
  onLoad: (plan: LoadPlan) => void = () => undefined,
): Promise<void> => {
  try {
    for (const { context, plan } of loads) {
      onLoad(plan);
      await loadDump(context, plan);
    }
    // From here on it is short, and better not interrupted in the middle.
    for (const { context } of loads) context.signal.throwIfAborted();
    for (const load of loads) await toItsEnd(load, swapLoad);
  } catch (error) {
    const problems = await undoTogether(loads);
    if (problems.length === 0) throw error;
    throw new StackBackupError(
      'restore-failed',
      `${messageOf(error)}; and what was there before could not be put back: ${problems.join('; ')}`,
      { cause: error, next: 'Look at the databases named: the old ones have `before` in their names.' },
    );
  }
};
