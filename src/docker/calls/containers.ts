import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../base/errors.ts';
import { longestTimer } from '../../base/wait/heed.ts';
import { detailsOf, runningOf } from '../api/inspected.ts';
import type { ContainerDetails, Engine } from '../engine.ts';
import { type Calls, callLimit } from './call.ts';

const defaultGraceSeconds = 10;

/**
 * The runtime gives up freezing when the processes do not all come to rest in time, as on a busy machine, and thaws
 * them again. Asked once more it succeeds as a rule.
 */
const freezing = async (ask: () => Promise<unknown>, attempts = 5): Promise<void> => {
  try {
    await ask();
  } catch (error) {
    if (attempts === 1 || !messageOf(error).includes('unable to freeze')) throw error;
    await freezing(ask, attempts - 1);
  }
};

/** A busy engine may take seconds to notice. */
const exitNoticedMs = 50;

/**
 * What the engine says when the runtime refuses. What follows is one of many: container not running, cannot update
 * a stopped container, cannot update a deleted process, task not found, no such process (Engine 20.10, runc 1.1).
 */
const runtimeRefuses = /Cannot update container/;

/**
 * A container that ends at this very moment (one that crashes and is restarted, again and again) runs for the engine
 * and does not for the runtime, which refuses. Once the engine has noticed, it asks the runtime no more.
 */
const beyondItsEnd = async (ask: () => Promise<unknown>, attempts = 200): Promise<void> => {
  try {
    await ask();
  } catch (error) {
    if (attempts === 1 || !runtimeRefuses.test(messageOf(error))) throw error;
    await setTimeout(exitNoticedMs);
    await beyondItsEnd(ask, attempts - 1);
  }
};

/** What is asked of containers, and done to them. */
export const containerCalls = ({
  docker,
  call,
  must,
}: Calls): Pick<
  Engine,
  'inspect' | 'containers' | 'running' | 'stop' | 'kill' | 'start' | 'pause' | 'unpause' | 'setRestartPolicy'
> => {
  const inspect = async (id: string): Promise<ContainerDetails> =>
    detailsOf(
      await must(`inspect container ${id}`, (abortSignal) =>
        docker.getContainer(id).inspect({ abortSignal }),
      ),
    );

  return {
    inspect,
    containers: async (labels) => {
      const found = await must('list containers', (abortSignal) =>
        docker.listContainers({ all: true, filters: { label: [...labels] }, abortSignal }),
      );
      return found.map((container) => container.Id);
    },
    running: async () => {
      const found = await must('list running containers', (abortSignal) =>
        docker.listContainers({ abortSignal }),
      );
      return found.map(runningOf);
    },
    stop: async (id, signal) => {
      const { stopTimeout } = await inspect(id);
      // A negative grace period means: wait for ever. The caller's signal is the limit then.
      const grace = stopTimeout ?? defaultGraceSeconds;
      const limit = grace < 0 ? longestTimer : grace * 1000 + callLimit;
      await call(`stop container ${id}`, (abortSignal) => docker.getContainer(id).stop({ abortSignal }), {
        signal,
        limit,
        ok: 304,
      });
    },
    kill: async (id) => {
      await call(`kill container ${id}`, (abortSignal) => docker.getContainer(id).kill({ abortSignal }), {
        ok: 409,
      });
    },
    start: async (id, signal) => {
      await call(`start container ${id}`, (abortSignal) => docker.getContainer(id).start({ abortSignal }), {
        signal,
        ok: 304,
      });
    },
    pause: async (id) => {
      const ask = () =>
        must(`pause container ${id}`, (abortSignal) => docker.getContainer(id).pause({ abortSignal }));
      await freezing(ask);
    },
    unpause: async (id) => {
      await must(`unpause container ${id}`, (abortSignal) =>
        docker.getContainer(id).unpause({ abortSignal }),
      );
    },
    setRestartPolicy: async (id, policy) => {
      const RestartPolicy = { Name: policy.name, MaximumRetryCount: policy.maximumRetryCount };
      const ask = () =>
        must(`set the restart policy of container ${id}`, () =>
          docker.getContainer(id).update({ RestartPolicy }),
        );
      await beyondItsEnd(ask);
    },
  };
};
