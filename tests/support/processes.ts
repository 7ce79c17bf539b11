import { readdirSync, readFileSync } from 'node:fs';

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // it has ended meanwhile
  }
};

/**
 * Pids of the processes of this host of whose file in /proc that holds. All are read in one go, which takes a
 * few ms: whoever waits for one to come or go looks often.
 */
export const pidsWhere = (file: 'cmdline' | 'environ', holds: (text: string) => boolean): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && holds(textOf(`/proc/${name}/${file}`)))
    .map(Number);
