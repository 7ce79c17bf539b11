import { StackBackupError } from '../../base/errors.ts';
import { sleep } from '../../base/wait/heed.ts';
import { serverFor } from './postgres/server.ts';
import type { LoadContext } from './types.ts';

/** How often a server that is starting is asked. */
const everyMs = 200;

/** Waits until a server that was just started lets somebody in; rejects with its last refusal at the limit (ms). */
export const awaitServer = async (context: LoadContext, limitMs: number): Promise<void> => {
  const until = performance.now() + limitMs;
  for (;;) {
    try {
      await serverFor(context, '');
      return;
    } catch (error) {
      const mayCome = error instanceof StackBackupError && error.code === 'hook-failed';
      if (context.signal.aborted || !mayCome || performance.now() > until) throw error;
      await sleep(everyMs, context.signal);
    }
  }
};
