import type { Engine } from '../../docker/engine.ts';
import type { JournalContainer } from '../journal.ts';
import type { Ledger } from '../quiet/ledger.ts';

/** The engine's `StartedAt` now; what stood in the journal when it cannot be asked. */
const startedAt = async (engine: Engine, container: JournalContainer): Promise<string> => {
  const now = await engine.inspect(container.id).catch(() => undefined);
  return now?.startedAt ?? container.startedAt;
};

/**
 * The containers that are down and can still be brought back, as a journal keeps them: with the start they
 * have had by now, so that only another one counts as somebody else's. What was removed is not among them:
 * no further try can bring it back, and it must not keep a journal for ever.
 */
export const stillDown = async (engine: Engine, ledger: Ledger): Promise<readonly JournalContainer[]> => {
  const down = [...ledger.values()].filter((entry) => entry.down !== undefined && entry.gone !== true);
  return Promise.all(
    down.map(async ({ container }) => ({ ...container, startedAt: await startedAt(engine, container) })),
  );
};
