import type { Readable, Writable } from 'node:stream';
import { StackBackupError } from '../../base/errors.ts';

const headerLength = 8;

/** Resolves when a stream takes more, or will never take any again. Leaves no listener behind. */
const drained = (sink: Writable): Promise<void> =>
  new Promise((resolve) => {
    const names = ['drain', 'close', 'error'] as const;
    const go = (): void => {
      for (const name of names) sink.off(name, go);
      resolve();
    };
    for (const name of names) sink.on(name, go);
  });

/** Writes with back-pressure: a slow disk slows the container down instead of filling memory. */
const write = async (sink: Writable | undefined, chunk: Buffer): Promise<void> => {
  if (sink === undefined || sink.destroyed || sink.writableEnded) return;
  if (!sink.write(chunk)) await drained(sink);
};

/**
 * Takes the engine's multiplexed stream apart (Engine API, "attach": one byte stream number, three zero
 * bytes, four bytes big-endian length, payload). dockerode's own `demuxStream` ignores back-pressure.
 * Resolves at the end of the stream; a stream that ends inside a frame rejects, because half an output
 * must not look like a whole one.
 */
export const demultiplex = async (
  source: Readable,
  sinks: { readonly stdout?: Writable | undefined; readonly stderr?: Writable | undefined },
): Promise<void> => {
  let header = Buffer.alloc(0);
  let left = 0;
  let sink: Writable | undefined;
  for await (const data of source) {
    let chunk = data as Buffer;
    while (chunk.length > 0) {
      if (left === 0) {
        const take = Math.min(headerLength - header.length, chunk.length);
        header = Buffer.concat([header, chunk.subarray(0, take)]);
        chunk = chunk.subarray(take);
        if (header.length < headerLength) break;
        left = header.readUInt32BE(4);
        sink = header[0] === 2 ? sinks.stderr : sinks.stdout;
        header = Buffer.alloc(0);
        continue;
      }
      const part = chunk.subarray(0, left);
      await write(sink, part);
      left -= part.length;
      chunk = chunk.subarray(part.length);
    }
  }
  if (left > 0 || header.length > 0)
    throw new StackBackupError('engine-failed', 'the engine closed a stream in the middle of a frame', {
      next: 'Look into the log of the Docker daemon; then run the command again.',
    });
};
