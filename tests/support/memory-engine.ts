import { StackBackupError } from '../../src/base/errors.ts';
import type {
  ContainerDetails,
  ContainerState,
  Engine,
  EngineEvent,
  RestartPolicy,
  VolumeDetails,
} from '../../src/docker/engine.ts';

interface Box {
  readonly details: ContainerDetails;
  state: ContainerState;
  startedAt: number;
  policy: RestartPolicy;
}

export type Call =
  | 'ping'
  | 'inspect'
  | 'stop'
  | 'kill'
  | 'start'
  | 'pause'
  | 'unpause'
  | 'setRestartPolicy'
  | 'exec'
  | 'watch';

export interface Told {
  readonly call: Call;
  readonly id: string;
}

/**
 * An engine in memory, for faults that no real one can be made to have at a chosen call: `fails` is asked
 * before each call. It keeps to the real one's rules: a stopped container has a new `StartedAt` after its
 * start, pausing needs a running one, and so on.
 */
export const memoryEngine = (
  containers: readonly ContainerDetails[],
  fails: (told: Told, count: number) => boolean,
) => {
  let clock = 0;
  let count = 0;
  const boxes = new Map<string, Box>(
    containers.map((details) => [
      details.id,
      { details, state: details.state, startedAt: clock++, policy: details.restartPolicy },
    ]),
  );
  const calls: Told[] = [];
  const volumes = new Map<string, VolumeDetails>();
  const listeners = new Set<(event: EngineEvent) => void>();
  const tell = (containerId: string, action: string): void => {
    for (const listener of listeners) listener({ containerId, action } as EngineEvent);
  };
  const box = (id: string): Box => {
    const found = boxes.get(id);
    if (found === undefined)
      throw new StackBackupError('engine-failed', 'no such container', { details: { status: 404 } });
    return found;
  };
  const call = async <T>(name: Call, id: string, work: () => T): Promise<T> => {
    calls.push({ call: name, id });
    await new Promise((resolve) => setImmediate(resolve));
    if (fails({ call: name, id }, count++))
      throw new StackBackupError('engine-failed', `${name} ${id} was made to fail`);
    return work();
  };
  const now = ({ details, state, startedAt, policy }: Box): ContainerDetails => ({
    ...details,
    state,
    startedAt: String(startedAt),
    restartPolicy: policy,
    exitCode: 0,
    health: details.health !== 'none' && state === 'running' ? 'healthy' : details.health,
  });
  const engine: Pick<
    Engine,
    Call | 'containers' | 'removeHolders' | 'volume' | 'createVolume' | 'removeVolume'
  > = {
    removeHolders: async () => undefined,
    volume: async (name) => volumes.get(name),
    createVolume: async (volume) => {
      if (!volumes.has(volume.name)) volumes.set(volume.name, { ...volume, mountpoint: '' });
    },
    removeVolume: async (name) => void volumes.delete(name),
    containers: async () => [...boxes.keys()],
    inspect: (id) => call('inspect', id, () => now(box(id))),
    stop: (id) =>
      call('stop', id, () => {
        box(id).state = 'exited';
      }),
    kill: (id) =>
      call('kill', id, () => {
        box(id).state = 'exited';
      }),
    ping: () => call('ping', '', () => undefined),
    start: (id) =>
      call('start', id, () => {
        const one = box(id);
        if (one.state === 'running') return;
        one.state = 'running';
        one.startedAt = clock++;
        tell(id, 'start');
      }),
    pause: (id) =>
      call('pause', id, () => {
        const one = box(id);
        if (one.state !== 'running')
          throw new StackBackupError('engine-failed', 'not running', { details: { status: 409 } });
        one.state = 'paused';
      }),
    unpause: (id) =>
      call('unpause', id, () => {
        const one = box(id);
        if (one.state !== 'paused')
          throw new StackBackupError('engine-failed', 'not paused', { details: { status: 409 } });
        one.state = 'running';
        tell(id, 'unpause');
      }),
    setRestartPolicy: (id, policy) =>
      call('setRestartPolicy', id, () => {
        box(id).policy = policy;
      }),
    exec: (id) => call('exec', id, () => 0),
    watch: (project, onEvent, signal) =>
      call('watch', project, () => ({
        ended: new Promise<void>((resolve) => {
          listeners.add(onEvent);
          const end = (): void => {
            listeners.delete(onEvent);
            resolve();
          };
          signal.addEventListener('abort', end, { once: true });
        }),
      })),
  };
  /** As a real one without live-restore: what runs ends, then the restart policies have their say. */
  const restart = (): void => {
    for (const one of boxes.values()) {
      const wasUp = one.state === 'running' || one.state === 'paused' || one.state === 'restarting';
      if (wasUp) one.state = 'exited';
      const comesBack = one.policy.name === 'always' || (wasUp && one.policy.name !== 'no');
      if (one.state !== 'exited' || !comesBack) continue;
      one.state = 'running';
      one.startedAt = clock++;
    }
  };
  /** Somebody else starts or thaws a container; and may stop or freeze it again, as if nothing had been. */
  const meddle = (id: string, isHidden: boolean): void => {
    const one = box(id);
    const was = one.state;
    one.state = 'running';
    if (was !== 'paused') one.startedAt = clock++;
    tell(id, was === 'paused' ? 'unpause' : 'start');
    if (isHidden) one.state = was;
  };
  return {
    engine: engine as Engine,
    calls,
    volumes,
    restart,
    meddle,
    states: (): ReadonlyMap<
      string,
      { readonly state: string; readonly policy: string; readonly startedAt: number }
    > =>
      new Map(
        [...boxes].map(([id, one]) => [
          id,
          { state: one.state, policy: one.policy.name, startedAt: one.startedAt },
        ]),
      ),
  };
};
