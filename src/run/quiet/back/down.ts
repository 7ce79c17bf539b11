import { messageOf } from '../../../base/errors.ts';
import { statusOf } from '../../../docker/failure.ts';
import { projectContainers } from '../../../stack/observe.ts';
import type { RunContext } from '../../context.ts';
import type { LedgerEntry } from '../ledger.ts';
import type { WayBack } from '../way-back.ts';

/** A container that is gone is no loss when its service runs in another one: somebody recreated it. */
const isReplaced = async (context: RunContext, way: WayBack, entry: LedgerEntry): Promise<boolean> => {
  const now = await projectContainers(context.engine, way.project).catch(() => []);
  return now.some(
    (one) =>
      one.service === entry.container.service &&
      one.details.state === 'running' &&
      !way.known.includes(one.id),
  );
};

/** Writes into the ledger why a container could not be brought back. */
export const noteDown = async (
  context: RunContext,
  way: WayBack,
  entry: LedgerEntry,
  error: unknown,
): Promise<void> => {
  const isGone = statusOf(error) === 404;
  if (isGone && (await isReplaced(context, way, entry))) return;
  if (isGone) entry.gone = true;
  entry.down = isGone ? 'it was removed while it was stopped' : messageOf(error);
};
