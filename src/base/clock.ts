import { readFileSync } from 'node:fs';

/** Time as the rooms see it, so that tests can hold it still or let it jump. */
export interface Clock {
  /** Wall time: for names and records, never for lengths of time. */
  now(): Date;
  /** Milliseconds that only go forward: for lengths of time. */
  tick(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  tick: () => performance.now(),
};

/** What tells one process from every other, also after a reboot and when pids are used again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot when it started; field 22 of /proc/<pid>/stat (proc(5)). */
  readonly startTime: string;
  readonly bootId: string;
}

interface ProcessStat {
  /** `R`, `S`, `D` …; `Z` and `X` for a process that has ended and that nobody has waited for yet. */
  readonly state: string;
  readonly startTime: string;
}

const statOf = (pid: number): ProcessStat => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The program's name, in parentheses, may hold spaces: count from behind the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTime: fields[19] ?? '' };
};

/** This process' identity; empty strings where there is no /proc. */
export const ownIdentity = (): ProcessIdentity => {
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { pid: process.pid, startTime: statOf(process.pid).startTime, bootId };
  } catch {
    return { pid: process.pid, startTime: '', bootId: '' };
  }
};

/** Whether that very process still runs: same boot, same pid, same start, and more than a name in a list. */
export const isAlive = ({ pid, startTime, bootId }: ProcessIdentity): boolean => {
  try {
    if (bootId !== readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) return false;
    const now = statOf(pid);
    return now.startTime === startTime && !['Z', 'X', 'x'].includes(now.state);
  } catch {
    return false; // no such process
  }
};
