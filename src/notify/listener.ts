import type { RunEvent } from '../base/events.ts';

/** Whoever is told what happens in a run. It never throws and never keeps the run waiting. */
export interface Listener {
  on(event: RunEvent): void;
  /** Ends what it holds (live regions, timers). Nothing is told to it after that. */
  close(): void;
}

/** A stream as the listeners need it: stdout, stderr, or one of a test. */
export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly writableNeedDrain?: boolean;
};

const guarded = new WeakSet<Output>();

/**
 * Keeps a reader that went away (`| head`, a closed terminal) from ending the run: without somebody who
 * listens to it, EPIPE or EIO of an output stream ends the process, and services that are stopped stay so.
 */
export const guard = (stream: Output): Output => {
  if (!guarded.has(stream)) {
    guarded.add(stream);
    stream.on('error', () => {});
  }
  return stream;
};

/** Progress that comes again anyhow: it may be left out where the reader is slower than the run. */
export const isProgress = (event: RunEvent): boolean =>
  event.type === 'copy-progress' || event.type === 'hash-progress';

/** Both at once, in this order. */
export const both = (first: Listener, second: Listener): Listener => ({
  on: (event) => {
    first.on(event);
    second.on(event);
  },
  close: () => {
    first.close();
    second.close();
  },
});
