import { errnoOf, messageOf, StackBackupError } from '../../base/errors.ts';
import type { World } from '../session/session.ts';

/** Whoever read the output has gone (`| head -1`): no failure, and nothing more to do. */
class ReaderGone extends Error {}

const outputFailed = (error: Error): Error =>
  ['EPIPE', 'ERR_STREAM_DESTROYED'].includes(errnoOf(error) ?? '')
    ? new ReaderGone()
    : new StackBackupError('output-failed', `standard output does not take it: ${messageOf(error)}`, {
        cause: error,
        next: 'Look at the disk it goes to: what has been written so far is not all.',
      });

/** Writes to standard output as fast as its reader takes it; rejects when that one is gone, or `output-failed`. */
export const write = (world: World, chunk: string | Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    world.stdout.write(chunk, (error) => (error ? reject(outputFailed(error)) : resolve()));
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
