import { heeding } from '../../base/wait/heed.ts';
import type { BackupPlan } from '../../plan/types.ts';
import type { Need } from '../../stack/order.ts';
import type { RunContext } from '../context.ts';
import { patientContext } from './back/patience.ts';
import type { Ledger } from './ledger.ts';
import { bringBack } from './start.ts';
import { quietDown } from './stop.ts';
import { assertUnchanged } from './unchanged.ts';
import { wayBackOf } from './way-back.ts';
import { downtimeLimit, endingSoon } from './window/limit.ts';
import { watchStarts } from './window/watch.ts';

/**
 * Does `work` while the planned containers are stopped or frozen, and brings back whatever was touched,
 * whatever happens: in the stop itself, in the work, by a signal, at the downtime limit, or to the engine.
 * What could not be brought back stands in the ledger. Rejects with what went wrong in the stop or the work.
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
  const patient = patientContext(context, plan.instance.limits.engine);
  const inTime = <R>(step: () => Promise<R>): Promise<R> => heeding(limited.signal, step);
  try {
    await quietDown(limited, plan, ledger, needs, limit.signal);
    const watch = await inTime(() =>
      watchStarts(context, patient.engine, plan.stack.project, watching.signal),
    );
    const result = await endingSoon(limited.signal, () => work(limited));
    await inTime(() => assertUnchanged(patient, plan, ledger, watch));
    return result;
  } catch (error) {
    throw limit.signal.aborted ? limit.signal.reason : error;
  } finally {
    limit.release();
    watching.abort();
    await bringBack(patient, wayBackOf(plan, needs), ledger);
  }
};
