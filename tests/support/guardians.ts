import { pidsWhere } from './processes.ts';

/** Pids of the guardians that stand by for runs of this backups folder. */
export const guardiansOf = async (backups: string): Promise<readonly number[]> =>
  pidsWhere('cmdline', (line) => line.includes('guardian-main') && line.includes(backups));

/** Kills them: what they would have done is left to others. */
export const killGuardians = async (backups: string): Promise<void> => {
  for (const pid of await guardiansOf(backups)) process.kill(pid, 'SIGKILL');
};
