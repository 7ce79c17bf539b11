import { StackBackupError } from '../../src/base/errors.ts';
import type { Engine } from '../../src/docker/engine.ts';
import type { memoryEngine } from './memory-engine.ts';

/** One time that an engine goes away. */
export interface Outage {
  /** It goes at this call, counted from the end of the outage before. */
  readonly atCall: number;
  /** How often it is asked in vain until it is back. */
  readonly pings: number;
  /** Whether the call that it leaves unanswered is carried out. */
  readonly isDone: boolean;
  /** It is restarted without live-restore. */
  readonly endsContainers: boolean;
}

const away = (): StackBackupError => new StackBackupError('engine-unreachable', 'the engine is away');

/** An engine in memory that goes away as told. */
export const unsteady = (memory: ReturnType<typeof memoryEngine>, outages: readonly Outage[]): Engine => {
  const { engine } = memory;
  const coming = [...outages];
  let now: Outage | undefined;
  let pingsLeft = 0;
  let count = 0;
  const watchers = new Set<() => void>();

  const leave = (outage: Outage): void => {
    now = outage;
    pingsLeft = outage.pings;
    for (const end of watchers) end();
    watchers.clear();
  };
  const comeBack = (): void => {
    if (now?.endsContainers === true) memory.restart();
    now = undefined;
    count = 0;
  };
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    if (now !== undefined) throw away();
    const [next] = coming;
    if (next === undefined || count++ < next.atCall) return work();
    coming.shift();
    leave(next);
    if (next.isDone) await work();
    throw away();
  };
  return {
    ...engine,
    ping: async () => {
      if (now === undefined) return;
      if (pingsLeft-- > 0) throw away();
      comeBack();
    },
    containers: (labels) => call(() => engine.containers(labels)),
    inspect: (id) => call(() => engine.inspect(id)),
    stop: (id) => call(() => engine.stop(id)),
    kill: (id) => call(() => engine.kill(id)),
    start: (id) => call(() => engine.start(id)),
    pause: (id) => call(() => engine.pause(id)),
    unpause: (id) => call(() => engine.unpause(id)),
    setRestartPolicy: (id, policy) => call(() => engine.setRestartPolicy(id, policy)),
    volumes: () => call(async () => []),
    watch: (_project, _onEvent, signal) =>
      call(async () => ({
        ended: new Promise<void>((resolve) => {
          watchers.add(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        }),
      })),
  };
};
