import { heeding } from '../../base/wait/heed.ts';
import type { Holds } from '../../plan/mounts/holds.ts';
import type { BackupPlan } from '../../plan/types.ts';
import type { Need } from '../../stack/order.ts';
import type { RunContext } from '../context.ts';
import { noteFirst } from './back/begin.ts';
import { patientContext } from './back/patience.ts';
import { gatesOf, type Release, throughGates } from './early.ts';
import type { Ledger } from './ledger.ts';
import { bringBack } from './start.ts';
import { quietDown } from './stop.ts';
import { assertStillQuiet, assertUnchanged } from './unchanged.ts';
import { wayBackOf } from './way-back.ts';
import { downtimeLimit, endingSoon } from './window/limit.ts';
import { watchStarts } from './window/watch.ts';

/** How services come back before all is copied. */
export interface Early {
  readonly holds: Holds;
  /** Called once, before the first of them comes back; when it rejects, the run fails. */
  readonly begin: () => Promise<void>;
}

/**
 * Does `work` while the planned containers are stopped or frozen, and brings back whatever was touched,
 * whatever happens: in the stop itself, in the work, by a signal, at the downtime limit, or to the engine.
 * With `early`, a container comes back as soon as the work has released it, else when the work is over.
 * What could not be brought back stands in the ledger. Rejects with what went wrong in the stop or the work.
 */
export const whileQuiet = async <T>(
  context: RunContext,
  plan: BackupPlan,
  ledger: Ledger,
  needs: readonly Need[],
  work: (context: RunContext, release: Release) => Promise<T>,
  early?: Early,
): Promise<T> => {
  const watching = new AbortController();
  const limit = downtimeLimit(plan);
  const limited = { ...context, signal: AbortSignal.any([context.signal, limit.signal]) };
  const patient = patientContext(context, plan.instance.limits.engine);
  const wayBack = wayBackOf(plan, needs);
  const inTime = <R>(step: () => Promise<R>): Promise<R> => heeding(limited.signal, step);
  const gates = gatesOf(ledger, early?.holds, () => context.clock.tick());
  let back: Promise<void> | undefined;
  try {
    await quietDown(limited, plan, ledger, needs, limit.signal);
    const isOurs = (id: string): boolean => ledger.get(id)?.startAskedAt !== undefined;
    const watch = await inTime(() =>
      watchStarts(context, patient.engine, plan.stack.project, watching.signal, isOurs),
    );
    const { mayReturn, failures } = throughGates(ledger, gates, {
      look: (entry) => assertStillQuiet(patient, entry, watch),
      begin: early?.begin ?? (() => Promise.resolve()),
      onAllFree: limit.release,
    });
    back = bringBack(patient, wayBack, ledger, { mayReturn, over: gates.over, wasAway: watch.wasLost });
    const result = await endingSoon(limited.signal, () => work(limited, gates));
    await inTime(() => assertUnchanged(patient, plan, ledger, watch));
    if (failures.length > 0) throw failures[0];
    return result;
  } catch (error) {
    await noteFirst(ledger, context.noteReturn);
    throw limit.signal.aborted ? limit.signal.reason : error;
  } finally {
    limit.release();
    watching.abort();
    gates.openAll();
    await (back ?? bringBack(patient, wayBack, ledger));
  }
};
