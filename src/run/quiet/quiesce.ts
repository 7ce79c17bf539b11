import { formatDuration } from '../../base/duration.ts';
import { StackBackupError } from '../../base/errors.ts';
import type { BackupPlan } from '../../plan/types.ts';
import type { Need } from '../../stack/order.ts';
import type { RunContext } from '../context.ts';
import type { Ledger } from './ledger.ts';
import { bringBack } from './start.ts';
import { quietDown } from './stop.ts';
import { assertUnchanged } from './unchanged.ts';
import { wayBackOf } from './way-back.ts';

/** The engine's word on starts in the project while they must not happen. */
const watchStarts = async (
  context: RunContext,
  plan: BackupPlan,
  stop: AbortSignal,
): Promise<readonly string[]> => {
  const seen: string[] = [];
  const watch = await context.engine.watch(
    plan.stack.project,
    (event) => {
      if (event.action === 'start' || event.action === 'unpause') seen.push(event.containerId);
    },
    stop,
  );
  // A watch that ends early is no reason to fail: inspecting afterwards does not depend on it.
  watch.ended.catch(() => undefined);
  return seen;
};

/** `limits.max_downtime`: when it is over the work is abandoned, and the services come back. */
const downtimeLimit = (plan: BackupPlan): { readonly signal: AbortSignal; readonly release: () => void } => {
  const controller = new AbortController();
  const limit = plan.instance.limits.maxDowntime;
  if (limit === 0) return { signal: controller.signal, release: () => undefined };
  const reason = new StackBackupError(
    'timeout',
    `the services were down for ${formatDuration(limit)} (limits.max_downtime)`,
    {
      next: 'Raise limits.max_downtime, or make the window shorter: see `stack-backup plan`.',
    },
  );
  const timer = setTimeout(() => controller.abort(reason), limit);
  return { signal: controller.signal, release: () => clearTimeout(timer) };
};

/**
 * Does `work` while the planned containers are stopped or frozen, and brings back whatever was touched,
 * whatever happens: in the stop itself, in the work, by a signal or at the downtime limit. What could not
 * be brought back stands in the ledger. Rejects with what went wrong in the stop or the work.
 */
export const whileQuiet = async <T>(
  context: RunContext,
  plan: BackupPlan,
  ledger: Ledger,
  needs: readonly Need[],
  work: (context: RunContext) => Promise<T>,
): Promise<T> => {
  const watching = new AbortController();
  const limit = downtimeLimit(plan);
  const limited = { ...context, signal: AbortSignal.any([context.signal, limit.signal]) };
  try {
    await quietDown(limited, plan, ledger, needs);
    const seen = await watchStarts(context, plan, watching.signal);
    const result = await work(limited);
    await assertUnchanged(context, plan, ledger, seen);
    return result;
  } catch (error) {
    throw limit.signal.aborted ? limit.signal.reason : error;
  } finally {
    limit.release();
    watching.abort();
    await bringBack(context, wayBackOf(plan, needs), ledger);
  }
};
