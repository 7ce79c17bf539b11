import { readdir, readFile } from 'node:fs/promises';

/** Children of a run carry its id in their environment, so that they are found when the run itself is gone. */
export const runVariable = 'STACK_BACKUP_RUN';

const carries = async (pid: string, marker: string): Promise<boolean> => {
  const environ = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
  return environ.split('\0').includes(marker);
};

/** Kills what a dead run left running on this host: a `cp` would go on writing into the folder to be removed. */
export const endOrphans = async (run: string): Promise<void> => {
  const names = await readdir('/proc').catch(() => []);
  for (const name of names) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    if (!(await carries(name, `${runVariable}=${run}`))) continue;
    try {
      process.kill(Number(name), 'SIGKILL');
    } catch {
      // it has ended by itself
    }
  }
};
