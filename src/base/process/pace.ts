import { readFileSync } from 'node:fs';

/** How often it is looked at, ms: in between the processes read as fast as they can. */
const everyMs = 20;

const text = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // it has ended
  }
};

/**
 * Bytes that a process and the children it has now and had before have read, from the page cache or from the
 * disk, whichever is more (proc(5), `io`): the first counts a call when it returns, the second while it lasts.
 */
const readBy = (pid: number): number => {
  const io = text(`/proc/${pid}/io`);
  const count = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)?.[1] ?? 0);
  const children = text(`/proc/${pid}/task/${pid}/children`).split(' ').map(Number).filter(Boolean);
  return children.reduce((sum, child) => sum + readBy(child), Math.max(count('rchar'), count('read_bytes')));
};

const signalGroup = (pid: number, name: 'SIGSTOP' | 'SIGCONT'): void => {
  try {
    process.kill(-pid, name);
  } catch {
    // the group is gone
  }
};

/**
 * Holds processes to so many bytes a second that they read, all together: whenever they have read more they
 * are stopped until they may go on. Time in which they read less is not saved up. They must lead groups of
 * their own. Nobody who is let go of, and nobody at the end of this program, stays stopped.
 */
export class Pace {
  readonly bytesPerSecond: number;
  readonly #followed = new Map<number, number>();
  #debt = 0;
  #at = 0;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(bytesPerSecond: number) {
    this.bytesPerSecond = bytesPerSecond;
  }

  readonly #goOn = (): void => {
    if (this.#stopped) for (const pid of this.#followed.keys()) signalGroup(pid, 'SIGCONT');
    this.#stopped = false;
  };

  #look(): void {
    const now = performance.now();
    for (const [pid, before] of this.#followed) {
      const read = Math.max(before, readBy(pid)); // what a child read counts nowhere while it is waited for
      this.#debt += read - before;
      this.#followed.set(pid, read);
    }
    this.#debt = Math.max(0, this.#debt - ((now - this.#at) / 1000) * this.bytesPerSecond);
    this.#at = now;
    if (this.#debt === 0) {
      this.#goOn();
      return;
    }
    // Again and again: a process may have been begun by one of the group meanwhile.
    for (const pid of this.#followed.keys()) signalGroup(pid, 'SIGSTOP');
    this.#stopped = true;
  }

  /** Paces the group of this process until it is disposed of. Do that as soon as it has ended, or has to. */
  follow(pid: number | undefined): Disposable {
    if (pid === undefined) return { [Symbol.dispose]: () => undefined };
    if (this.#followed.size === 0) {
      this.#at = performance.now();
      this.#timer = setInterval(() => this.#look(), everyMs);
      process.on('exit', this.#goOn);
    }
    this.#followed.set(pid, 0);
    return { [Symbol.dispose]: () => this.#letGo(pid) };
  }

  #letGo(pid: number): void {
    if (!this.#followed.delete(pid)) return;
    signalGroup(pid, 'SIGCONT');
    if (this.#followed.size > 0) return;
    clearInterval(this.#timer);
    process.off('exit', this.#goOn);
    this.#stopped = false;
  }
}
