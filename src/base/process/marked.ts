import { readdir, readFile } from 'node:fs/promises';

const carries = async (pid: string, marker: string): Promise<boolean> => {
  const environ = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
  return environ.split('\0').includes(marker);
};

/**
 * Sends a signal to every other process of this host that carries `marker` (`NAME=value`) in its environment:
 * children inherit it, whatever session or group they have made for themselves. Root sees everybody's, others
 * only their own. Resolves with how many there were.
 */
export const signalMarked = async (marker: string, signal: NodeJS.Signals): Promise<number> => {
  let found = 0;
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    if (!(await carries(name, marker))) continue;
    found++;
    try {
      process.kill(Number(name), signal);
    } catch {
      // it ended by itself in between
    }
  }
  return found;
};
