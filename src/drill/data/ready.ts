import { StackBackupError } from '../../base/errors.ts';
import { sleep } from '../../base/wait/heed.ts';
import { awaitServer } from '../../hooks/load/ready.ts';
import type { LoadContext } from '../../hooks/load/types.ts';

/** How often a server that makes itself is looked at. */
const everyMs = 500;
/** One that runs answers sooner. */
const answerMs = 1_000;

const answers = (context: LoadContext): Promise<boolean> =>
  awaitServer(context, answerMs).then(
    () => true,
    (error: unknown) => {
      context.signal.throwIfAborted();
      if (error instanceof StackBackupError && error.code === 'hook-failed') return false;
      throw error;
    },
  );

/**
 * Has `open` open the rules of a server that was just started, and waits until it lets somebody in: health is
 * not told of every server, and a fresh one makes its rules, and itself, when it begins. At the limit (ms) it
 * rejects with the server's last refusal.
 */
export const openServer = async (
  context: LoadContext,
  open: () => Promise<void>,
  limitMs: number,
): Promise<void> => {
  const until = performance.now() + limitMs;
  for (;;) {
    const isThere = await answers(context);
    await open(); // also one that answers to nobody: its rules may be the reason
    if (isThere || performance.now() > until) break;
    await sleep(everyMs, context.signal);
  }
  await awaitServer(context, Math.max(0, until - performance.now()));
};
