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

const startTimeOf = (pid: number): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The program's name, in parentheses, may hold spaces: count from behind the last one.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
};

/** This process' identity; empty strings where there is no /proc. */
export const ownIdentity = (): ProcessIdentity => {
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { pid: process.pid, startTime: startTimeOf(process.pid), bootId };
  } catch {
    return { pid: process.pid, startTime: '', bootId: '' };
  }
};

/** Whether that very process still runs: same boot, same pid, same start. */
export const isAlive = ({ pid, startTime, bootId }: ProcessIdentity): boolean => {
  try {
    return (
      bootId === readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() &&
      startTimeOf(pid) === startTime
    );
  } catch {
    return false; // no such process
  }
};
