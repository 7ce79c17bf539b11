import { StackBackupError } from '../base/errors.ts';
import { sleep } from '../base/wait/heed.ts';
import type { Engine } from './engine.ts';
import { backOff, isOutage } from './outage.ts';

/** How an engine that has gone away is waited for. */
export interface Patience {
  /** How long it may be away until calls fail, ms. */
  readonly limitMs: number;
  /** Milliseconds that only go forward. */
  readonly tick: () => number;
  /** It does not answer: told once each time it goes away, with what the call said that found out. */
  readonly onAway?: (error: unknown) => void;
  /** It answers again, after so many ms. */
  readonly onBack?: (ms: number) => void;
  /** Instead of the real passing of time. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface PatientEngine extends Engine {
  /** How often it has failed to answer so far: what was done before may have been undone since. */
  outages(): number;
  /** It did not answer when it was asked last: it is waited for, or was for as long as it may be away. */
  isAway(): boolean;
}

/** After so long without an answer the engine is asked whether it is there at all, ms; or after the limit, if less. */
const slowMs = 10_000;

const isTimeout = (error: unknown): boolean => error instanceof StackBackupError && error.code === 'timeout';

/** Waits for one engine: however many calls found it away, it is asked by one, and all share the limit. */
const newWaiter = (engine: Engine, patience: Patience) => {
  const wait = patience.sleep ?? sleep;
  let since: number | undefined;
  let found: unknown;
  let silences = 0;
  let isTold = false;
  let asking: Promise<boolean> | undefined;

  const answers = async (): Promise<boolean> => {
    try {
      await engine.ping();
      return true;
    } catch (error) {
      if (!isOutage(error)) return true;
      found ??= error;
      if (!isTold) patience.onAway?.(found);
      if (!isTold) silences++;
      isTold = true;
      return false;
    }
  };
  const ask = async (): Promise<boolean> => {
    since ??= patience.tick();
    for (let attempt = 0; !(await answers()); attempt++) {
      const left = since + patience.limitMs - patience.tick();
      if (left <= 0) return false;
      await wait(Math.min(backOff(attempt), left));
    }
    if (isTold) patience.onBack?.(patience.tick() - since);
    since = undefined;
    found = undefined;
    isTold = false;
    return true;
  };
  return {
    wait,
    /** How often it has not answered when it was asked. */
    silences: () => silences,
    isAway: () => since !== undefined,
    why: () => found,
    /** True when it answers (again), false when it was away for as long as it may be. */
    untilAnswers: (error?: unknown): Promise<boolean> => {
      found ??= error;
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
  };
};

/**
 * The same engine, for whoever must not give up because it is away for a while (a restart, an upgrade, a
 * hang): a call that got no answer is made again when the engine answers, until it has been away for the
 * limit. Only calls that can be made twice are; where that matters, the container is looked at first. Others
 * (exec, archives, making a holder) are passed on as they are. A call that takes too long while the engine
 * answers others is not made again: what hangs then is its container.
 */
export const patientEngine = (engine: Engine, patience: Patience): PatientEngine => {
  const waiter = newWaiter(engine, patience);
  let outages = 0;

  /** The call; rejects early when the engine turns out not to be there while it hangs. */
  const watched = async <T>(work: () => Promise<T>): Promise<T> => {
    const settled = new AbortController();
    const givenUp = Promise.withResolvers<never>();
    const watch = async (): Promise<void> => {
      await waiter.wait(Math.min(slowMs, patience.limitMs), settled.signal);
      if (!(await waiter.untilAnswers())) givenUp.reject(waiter.why());
    };
    watch().catch(() => undefined); // the answer came first
    return Promise.race([work(), givenUp.promise]).finally(() => settled.abort());
  };

  const patiently = async <T>(work: (isRepeated: boolean) => Promise<T>): Promise<T> => {
    let first: number | undefined;
    for (let attempt = 0; ; attempt++) {
      const silences = waiter.silences();
      try {
        if (waiter.isAway() && !(await waiter.untilAnswers())) throw waiter.why();
        return await watched(() => work(attempt > 0));
      } catch (error) {
        if (!isOutage(error)) throw error;
        outages++;
        first ??= patience.tick();
        const isBack = await waiter.untilAnswers(error);
        const isItsOwn = isTimeout(error) && waiter.silences() === silences;
        if (!isBack || isItsOwn || patience.tick() - first > patience.limitMs) throw error;
        // The engine answers, but perhaps not yet this call.
        if (attempt > 0) await waiter.wait(backOff(attempt));
      }
    }
  };
  const isState = async (id: string, state: string): Promise<boolean> =>
    (await engine.inspect(id)).state === state;

  return {
    ...engine,
    outages: () => outages,
    isAway: waiter.isAway,
    info: () => patiently(engine.info),
    containers: (labels) => patiently(() => engine.containers(labels)),
    running: () => patiently(engine.running),
    inspect: (id) => patiently(() => engine.inspect(id)),
    stop: (id, signal) => patiently(() => engine.stop(id, signal)),
    kill: (id) => patiently(() => engine.kill(id)),
    start: (id, signal) => patiently(() => engine.start(id, signal)),
    pause: (id) =>
      patiently(async (isRepeated) => {
        if (!isRepeated || !(await isState(id, 'paused'))) await engine.pause(id);
      }),
    unpause: (id) =>
      patiently(async (isRepeated) => {
        if (!isRepeated || (await isState(id, 'paused'))) await engine.unpause(id);
      }),
    setRestartPolicy: (id, policy) => patiently(() => engine.setRestartPolicy(id, policy)),
    volume: (name) => patiently(() => engine.volume(name)),
    volumes: (label) => patiently(() => engine.volumes(label)),
    createVolume: (volume) => patiently(() => engine.createVolume(volume)),
    removeVolume: (name) => patiently(() => engine.removeVolume(name)),
    removeLabelled: (label) => patiently(() => engine.removeLabelled(label)),
    hasImage: (imageId) => patiently(() => engine.hasImage(imageId)),
    imageDigests: (imageId) => patiently(() => engine.imageDigests(imageId)),
    watch: (project, onEvent, signal) => patiently(() => engine.watch(project, onEvent, signal)),
    removeHolders: (run) => patiently(() => engine.removeHolders(run)),
  };
};
