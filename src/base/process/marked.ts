import { readdir, readFile } from 'node:fs/promises';

/** How many are looked at side by side. */
const atOnce = 64;

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
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  let found = 0;
  const look = async (pid: string): Promise<void> => {
    if (!(await carries(pid, marker))) return;
    found++;
    try {
      process.kill(Number(pid), signal);
    } catch {
      // it ended by itself in between
    }
  };
  // One after another takes seconds on a busy machine; all at once, a file for each of them.
  for (let at = 0; at < pids.length; at += atOnce) await Promise.all(pids.slice(at, at + atOnce).map(look));
  return found;
};
