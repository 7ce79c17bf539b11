import { getPriority, setPriority } from 'node:os';

const working = 0;
const resting = 1;

/** One word for all threads of a pool, which heed it before each block that they read: every millisecond or two. */
export class Rest {
  readonly shared = new SharedArrayBuffer(4);

  #say(what: number): void {
    const view = new Int32Array(this.shared);
    Atomics.store(view, 0, what);
    Atomics.notify(view, 0);
  }

  begin(): void {
    this.#say(resting);
  }

  end(): void {
    this.#say(working);
  }
}

/** For one thread: does not return while there is rest. */
export const heeding = (shared: SharedArrayBuffer): (() => void) => {
  const view = new Int32Array(shared);
  return () => void Atomics.wait(view, 0, resting);
};

/** So much nicer is what is last in line: as much as the copying (`copy/gentle`). */
const nicer = 10;

/** Makes this very thread (on Linux niceness is each thread's own) last in line for the processors. */
export const becomeLast = (): void => {
  try {
    setPriority(0, Math.min(19, getPriority(0) + nicer));
  } catch {
    // where it cannot be had, it is done all the same
  }
};
