import type { RunContext } from '../../context.ts';
import type { LedgerEntry } from '../ledger.ts';

/** While a run holds a container down, no restart policy may bring it up (measured: `always` does). */
export const holdPolicy = async (context: RunContext, entry: LedgerEntry): Promise<void> => {
  if (entry.container.restartPolicy.name === 'no') return;
  entry.policyHeld = true;
  await context.engine.setRestartPolicy(entry.container.id, { name: 'no', maximumRetryCount: 0 });
};
