import { signalMarked } from '../../base/process/marked.ts';

/** Children of a run carry its id in their environment, so that they are found when the run itself is gone. */
export const runVariable = 'STACK_BACKUP_RUN';

/** Kills what a dead run left running on this host: a `cp` would go on writing into the folder to be removed. */
export const endOrphans = async (run: string): Promise<void> => {
  await signalMarked(`${runVariable}=${run}`, 'SIGKILL');
};
