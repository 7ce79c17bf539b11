import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/base/process.ts';

/** A hook's command that lasts until the test lets it go. */
export interface Gate extends AsyncDisposable {
  /** Argument list of a command on the host. Whoever runs it waits. */
  readonly command: readonly string[];
  /** Lets one of those who wait, or the next one to come, go on. */
  open(): Promise<void>;
}

/** A gate in a folder of the test's. Disposing of it lets everybody go. */
export const gateIn = async (folder: string, name = 'gate'): Promise<Gate> => {
  const path = join(folder, `${name}.fifo`);
  const made = await run(['mkfifo', path]);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  // Opened for reading and writing it never blocks, and what is written waits for whoever reads.
  const fifo: FileHandle = await open(path, constants.O_RDWR);
  return {
    command: ['sh', '-c', 'read -r go <"$1"', 'sh', path],
    open: async () => void (await fifo.write('go\n')),
    [Symbol.asyncDispose]: async () => {
      await fifo.write('go\n'.repeat(8));
      await fifo.close();
      await rm(path, { force: true });
    },
  };
};
