import { sleep } from '../../base/wait/heed.ts';
import { connectEngine } from '../../docker/dockerode.ts';
import type { Engine } from '../../docker/engine.ts';
import { backOff, isOutage } from '../../docker/outage.ts';

/**
 * The engine, as soon as it answers: at boot it may still be on its way up. `onWaiting` is told once why it is
 * waited for. Rejects with why it did not answer when `signal` aborts.
 */
export const engineWhenReady = async (
  signal: AbortSignal,
  onWaiting?: (why: unknown) => void,
): Promise<Engine> => {
  for (let attempt = 0; ; attempt++) {
    try {
      return await connectEngine();
    } catch (error) {
      if (!isOutage(error) || signal.aborted) throw error;
      if (attempt === 0) onWaiting?.(error);
      await sleep(backOff(attempt), signal).catch(() => undefined);
      if (signal.aborted) throw error;
    }
  }
};
