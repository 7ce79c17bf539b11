import type { World } from '../session/session.ts';

/** Whoever read the output has gone (`| head -1`): no failure, and nothing more to do. */
class ReaderGone extends Error {}

/** Writes to standard output as fast as its reader takes it; rejects when that one is gone. */
export const write = (world: World, chunk: string | Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    world.stdout.write(chunk, (error) => (error ? reject(new ReaderGone()) : resolve()));
  });

/** Ends in peace when the reader of the output has gone. */
export const untilReaderGoes = async (work: () => Promise<number>): Promise<number> => {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof ReaderGone) return 0;
    throw thrown;
  }
};
