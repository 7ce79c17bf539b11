import { systemClock } from '../../base/clock.ts';
import { acquireLock } from '../../base/lock.ts';
import { connectEngine } from '../../docker/dockerode.ts';
import { journalPath } from '../../snapshot/layout.ts';
import { appendHistory } from '../history.ts';
import { findJournals, isDead } from './journals.ts';
import { recoverRun } from './recover.ts';

/**
 * Recovers one run of a backups folder with nobody watching: what the guardian does. Nothing is to be done
 * when the journal is gone, when its run is alive, or when somebody else holds the lock and is at it.
 */
export const recoverAlone = async (backups: string, run: string): Promise<void> => {
  const path = journalPath(backups, run);
  const journal = (await findJournals(backups)).find((found) => found.path === path)?.journal;
  if (journal === undefined || !isDead(journal)) return;
  const engine = await connectEngine();
  const { id, local } = await engine.info();
  if (id !== journal.engine.id) return;
  await using lock = await acquireLock(`${id}/${journal.project}`, journal.instance, systemClock.now());
  lock.describe('putting back what a run that died left down');
  const record = await recoverRun(path, journal, {
    engine,
    local,
    clock: systemClock,
    emit: () => undefined,
  });
  await appendHistory(backups, record);
};
