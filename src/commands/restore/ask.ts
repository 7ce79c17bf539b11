import { createInterface } from 'node:readline/promises';
import { StackBackupError } from '../../base/errors.ts';
import { printable } from '../../base/text/printable.ts';
import type { World } from '../session/session.ts';

/** Whether there is somebody to be asked. */
export const canAsk = ({ flags, stderr }: World): boolean =>
  !flags.json && process.stdin.isTTY === true && stderr.isTTY === true;

/** Nobody is there to be asked, and nothing said that it may be done unasked. */
export const assertMayAsk = (world: World, isYes: boolean): void => {
  if (isYes || canAsk(world)) return;
  throw new StackBackupError(
    'restore-refused',
    'a restore overwrites data, and there is no terminal on which to ask whether it may',
    { next: 'Look at what it would do with --dry-run, then give --yes.' },
  );
};

/** Asks on the terminal; anything but y or yes is a no. */
const ask = async ({ stderr, signal }: World, question: string): Promise<boolean> => {
  const lines = createInterface({ input: process.stdin, output: stderr });
  // The terminal hands Ctrl-C over as a key: it is the same as anywhere else.
  lines.once('SIGINT', () => process.emit('SIGINT'));
  try {
    const answer = await lines.question(`${printable(question)} [y/N] `, { signal });
    return /^\s*y(es)?\s*$/i.test(answer);
  } catch (thrown) {
    // Ctrl-D is no yes. An interrupted run says so itself.
    if (signal.aborted || !(thrown instanceof Error && thrown.name === 'AbortError')) throw thrown;
    return false;
  } finally {
    lines.close();
  }
};

/** Throws `restore-refused` unless it is answered with a yes. */
export const confirm = async (world: World, question: string): Promise<void> => {
  if (await ask(world, question)) return;
  throw new StackBackupError('restore-refused', 'not confirmed: nothing was touched');
};
