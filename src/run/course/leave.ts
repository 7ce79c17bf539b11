import { removeTree } from '../../base/disk.ts';
import { messageOf } from '../../base/errors.ts';
import type { Outcome } from '../../base/events.ts';
import { holderLabel } from '../../docker/api/holder.ts';
import { appendHistory } from '../history.ts';
import type { RunRecord } from '../record.ts';
import { stillDown } from '../recovery/left.ts';
import type { Run } from '../run.ts';
import { assertHome } from '../trouble.ts';
import type { OpenedRun } from './open.ts';

/** Removes the helper container of copies through the engine. */
export const removeHolder = async ({ context, id }: Run): Promise<void> => {
  try {
    await context.engine.removeHolders(id);
  } catch (error) {
    const message = `the helper container of the run (label ${holderLabel}=${id}) could not be removed (${messageOf(error)}); the next backup or \`stack-backup recover\` tries again`;
    context.warn({ code: 'holder-left', message });
  }
};

/**
 * Nothing half-made stays. A folder that cannot be removed is named, not a reason to hide what went before.
 * Resolves with whether it is gone.
 */
export const removePartial = async (run: Run, { isHome }: OpenedRun): Promise<boolean> => {
  const left = (why: string): false => {
    const message = `the partial folder ${run.folder} could not be removed (${why}); the next backup or \`stack-backup recover\` tries again`;
    run.context.warn({ code: 'partial-left', message });
    return false;
  };
  if (!(await isHome())) return left('its file system is not mounted there any more');
  try {
    await removeTree(run.folder);
    return true;
  } catch (error) {
    return left(messageOf(error));
  }
};

/** A run that cannot be remembered is not undone for that, but somebody has to hear of it. */
export const remember = async (run: Run, opened: OpenedRun, record: RunRecord): Promise<void> => {
  try {
    await assertHome(run, opened);
    await appendHistory(run.plan.instance.backups, record);
  } catch (error) {
    const message = `this run is not in the history: ${messageOf(error)}`;
    run.context.warn({ code: 'history-unwritten', message });
  }
};

/** How a run leaves things. */
export interface Left {
  readonly outcome: Outcome;
  /** There is no folder of it without a name. */
  readonly hasNoFolder: boolean;
  /** Data is neither the old nor the new: a recovery has to go on with it. */
  readonly isHalfRestored?: boolean;
}

/**
 * A journal that is left tells a recovery what is still to be done, and that the outcome has been told:
 * services that are down, data half restored, a folder or a helper container that could not be removed.
 */
export const settleJournal = async (
  run: Run,
  opened: OpenedRun,
  { outcome, hasNoFolder, isHalfRestored = false }: Left,
): Promise<void> => {
  const { journal } = opened;
  try {
    await assertHome(run, opened);
    const down = await stillDown(run.context.engine, run.ledger);
    const isClean = hasNoFolder && !run.warnings.some(({ code }) => code === 'holder-left');
    if (isClean && down.length === 0 && !isHalfRestored) await journal.close();
    else await journal.leave(outcome, down, isHalfRestored ? 'restoring' : 'starting');
  } catch (error) {
    const message = `the journal of run ${run.id} could not be brought up to date: ${messageOf(error)}`;
    run.context.warn({ code: 'journal-left', message });
  }
};
