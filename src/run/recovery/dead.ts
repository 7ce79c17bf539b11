import { acquireLock, type Waiting } from '../../base/lock.ts';
import type { EngineInfo } from '../../docker/engine.ts';
import { recoverDrill } from '../drill/recover.ts';
import { recoverInto } from '../into/recover.ts';
import { lockOf } from '../lock.ts';
import { closingEvents, type RunRecord } from '../record.ts';
import { tellAftermath } from './after/aftermath.ts';
import { type Found, isDead, readJournal } from './journals.ts';
import { type RecoveryTools, recoverRun } from './recover.ts';

export type DeadRunTools = Omit<RecoveryTools, 'local'> & { readonly info: EngineInfo };

/**
 * Recovers a dead run whose lock the caller holds. Undefined when there is nothing to recover any more:
 * somebody else was at it between the look into the folder and the lock.
 */
export const recoverHeld = async (
  { path, backups }: Pick<Found, 'path' | 'backups'>,
  { info, ...tools }: DeadRunTools,
): Promise<RunRecord | undefined> => {
  const found = await readJournal(path, backups);
  if (found === undefined || 'problem' in found || !isDead(found.journal)) return undefined;
  const { id, phase, told } = found.journal;
  tools.emit({
    type: 'warning',
    code: 'recovering',
    message:
      told === undefined
        ? `the run ${id} died in phase ${phase}; putting back what it left`
        : `the run ${id} could not put everything back; trying again`,
  });
  if (found.journal.kind === 'into') return recoverInto(found, { ...tools, local: info.local });
  if (found.journal.kind === 'drill') return recoverDrill(found, { ...tools, local: info.local });
  const recovered = await recoverRun(found.journal, { ...tools, local: info.local }, { found });
  const record = await tellAftermath(found, recovered);
  for (const event of closingEvents(record)) if (event.type === 'error') tools.emit(event);
  return record;
};

/** The same, under the lock of its project: rejects with `locked` when somebody has it, perhaps at this very work. */
export const recoverDeadRun = async (
  found: Found,
  tools: DeadRunTools,
  waiting?: Waiting,
): Promise<RunRecord | undefined> => {
  const { instance, project } = found.journal;
  const name = lockOf(tools.info.id, project);
  await using lock = await acquireLock(name, instance, tools.clock.now(), waiting);
  lock.describe('putting back what a run that died left down');
  return await recoverHeld(found, tools);
};
