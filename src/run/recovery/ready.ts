import { setTimeout as pause } from 'node:timers/promises';
import { StackBackupError } from '../../base/errors.ts';
import { connectEngine } from '../../docker/dockerode.ts';
import type { Engine } from '../../docker/engine.ts';

/** How often an engine that does not answer is asked again; nothing tells of its coming. */
const againMs = 500;

/** Answers of an engine that is on its way up or down. */
const mayPass = (error: unknown): boolean =>
  error instanceof StackBackupError && ['engine-unreachable', 'timeout'].includes(error.code);

/**
 * The engine, as soon as it answers: at boot it may still be on its way up. Rejects with why it did not
 * answer when `signal` aborts.
 */
export const engineWhenReady = async (signal: AbortSignal): Promise<Engine> => {
  for (;;) {
    try {
      return await connectEngine();
    } catch (error) {
      if (!mayPass(error) || signal.aborted) throw error;
      await pause(againMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw error;
    }
  }
};
