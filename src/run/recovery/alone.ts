import { systemClock } from '../../base/clock.ts';
import { journalPath } from '../../snapshot/layout.ts';
import { recoverDeadRun } from './dead.ts';
import { isDead, readJournal } from './journals.ts';
import { engineWhenReady } from './ready.ts';

/** How long the guardian waits for an engine that is gone, or for somebody else who is at the same work. */
const limitMs = 10 * 60_000;

/**
 * Recovers one run of a backups folder with nobody watching: what the guardian does. Nothing is to be done
 * when the journal is gone or its run is alive.
 */
export const recoverAlone = async (backups: string, run: string): Promise<void> => {
  const found = await readJournal(journalPath(backups, run), backups);
  if (found === undefined || 'problem' in found || !isDead(found.journal)) return;
  const engine = await engineWhenReady(AbortSignal.timeout(limitMs));
  const info = await engine.info();
  if (info.id !== found.journal.engine.id) return;
  const tools = { engine, info, clock: systemClock, emit: () => undefined };
  await recoverDeadRun(found, tools, { limitMs });
};
