import type { Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

/** Node's handle of a terminal. It is not documented, and may be missing. */
interface WithHandle {
  readonly isTTY?: boolean;
  readonly _handle?: { setBlocking?(isBlocking: boolean): void } | null;
}

/**
 * Node waits in each write to a terminal until that one takes it, and does nothing else meanwhile. One that stands
 * still (Ctrl-S, an ssh connection that hangs) would hold a run in the middle, services down, deaf to signals and
 * to its limits. From here on what a terminal does not take waits in memory.
 */
export const withoutWaiting = (stream: NodeJS.WriteStream): void => {
  const { isTTY, _handle: handle } = stream as unknown as WithHandle;
  if (isTTY === true) handle?.setBlocking?.(false);
};

/** Resolves when everything that was written has been taken, or never will be: its reader has gone. */
const taken = (stream: Writable): Promise<void> =>
  new Promise((resolve) => {
    stream.write('', () => resolve());
  });

/** How long a reader that takes nothing is waited for when nobody has to hear what it was told, ms. */
const deafMs = 5_000;

/**
 * Resolves when both outputs have been read to their end. With `tells`, a pipe that nobody reads is given up: a run
 * that is over must not keep the next one from its turn. A terminal goes on, or is closed.
 */
export const allTaken = async (
  streams: readonly NodeJS.WriteStream[],
  kind: 'shows' | 'tells',
): Promise<void> => {
  const late = pause(deafMs, undefined, { ref: false });
  const wait = (stream: NodeJS.WriteStream): Promise<void> =>
    kind === 'shows' || stream.isTTY ? taken(stream) : Promise.race([taken(stream), late]);
  await Promise.all(streams.map(wait));
};
