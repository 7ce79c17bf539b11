import { formatDuration } from '../../../base/duration.ts';
import type { LedgerEntry } from '../ledger.ts';
import type { WayBack } from '../way-back.ts';
import { waitHealthy } from './health.ts';
import { told } from './one.ts';
import type { PatientContext } from './patience.ts';

/** Waits for health where there was health before; a service that does not get there is named. */
export const awaitServing = async (
  context: PatientContext,
  way: WayBack,
  entry: LedgerEntry,
): Promise<void> => {
  const { container } = entry;
  if (entry.backAt === undefined || entry.down !== undefined) return;
  // What was frozen keeps its connections and answers from the thaw on; its next probe only confirms it.
  if (!container.awaitHealth || container.action === 'pause') entry.servingAt = entry.backAt;
  if (!container.awaitHealth) return;
  const limit = way.healthMs;
  const answer = await waitHealthy(context, container.id, limit);
  if (answer === 'healthy') {
    entry.servingAt ??= context.clock.tick();
    told(context, entry, 'healthy');
  } else if (answer === 'late') {
    context.warn({
      code: 'not-healthy',
      about: container.service,
      message: `${container.name} runs again, but was not healthy within ${formatDuration(limit)}`,
    });
  } else {
    entry.down = `it ended again with exit code ${answer.ended.exitCode}`;
  }
};
