import { diskTrouble } from '../base/disk/trouble.ts';
import { asStackBackupError, StackBackupError } from '../base/errors.ts';
import type { OpenedRun } from './course/open.ts';
import type { Run } from './run.ts';

/** The backups folder was taken away from under the run: what is written there now lies somewhere else. */
const gone = (run: Run, cause?: unknown): StackBackupError =>
  new StackBackupError(
    'backups-unusable',
    `the backups folder ${run.plan.instance.backups} is not the one in which the run began: its file system was unmounted or replaced meanwhile`,
    { cause, next: 'Mount it again, then run it again: that run removes what this one has left there.' },
  );

/** Throws `backups-unusable` when the run's folder and journal are out of reach. */
export const assertHome = async (run: Run, { isHome }: OpenedRun): Promise<void> => {
  if (!(await isHome())) throw gone(run);
};

/**
 * Why a run failed. However the steps put it when they were told to stop: an interrupted run failed because
 * of the interruption. Behind a step's complaint may stand a disk that is full, broken or gone.
 */
export const asRunError = async (
  run: Run,
  { isHome }: OpenedRun,
  thrown: unknown,
): Promise<StackBackupError> => {
  const { signal } = run.context;
  if (signal.aborted) {
    const reason: unknown = signal.reason;
    if (reason instanceof StackBackupError) return reason;
    return new StackBackupError('interrupted', 'the run was interrupted', { cause: thrown });
  }
  if (!(await isHome())) return gone(run, thrown);
  return (await diskTrouble(thrown, run.plan.instance.backups)) ?? asStackBackupError(thrown);
};
