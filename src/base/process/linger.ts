import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';

/** How long the output of a process that has ended may stay open and silent. */
const silenceMs = 1_000;

/** Bytes that came, and whether some of them still wait to be taken. */
const stateOf = (streams: readonly Readable[]) => ({
  bytes: streams.reduce((sum, stream) => sum + ((stream as { bytesRead?: number }).bytesRead ?? 0), 0),
  waiting: streams.some((stream) => stream.readableLength > 0),
});

/**
 * A process can leave others behind that hold its output open (a daemon, something in the background): their
 * end is not waited for. Once the process itself has ended, and nothing came for a second, its streams are
 * closed. The answer tells whether that was so.
 */
export const cutAfterEnd = (child: ChildProcess): (() => boolean) => {
  let cut = false;
  child.once('exit', () => {
    const streams = [child.stdout, child.stderr].filter((stream) => stream !== null && stream !== undefined);
    let before = -1;
    const timer = setInterval(() => {
      const { bytes, waiting } = stateOf(streams);
      const isOver = streams.every((stream) => stream.closed || stream.destroyed);
      if (!isOver && (waiting || bytes !== before)) {
        // What waited may have been taken this very moment, with more behind it: silence begins afterwards.
        before = waiting ? -1 : bytes;
        return;
      }
      clearInterval(timer);
      if (isOver) return;
      cut = true;
      for (const stream of streams) stream.destroy();
    }, silenceMs);
    child.once('close', () => clearInterval(timer));
  });
  return () => cut;
};
