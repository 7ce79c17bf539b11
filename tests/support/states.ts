import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { containerIds, inspectAll } from './ask-engine.ts';
import { docker, randomName } from './containers.ts';

/** What must be the same before and after a backup, of one container. */
export interface ContainerState {
  readonly service: string;
  readonly number: number;
  readonly name: string;
  readonly id: string;
  /** `running`, `paused`, `exited`, `created`. */
  readonly state: string;
  /** `healthy`, `unhealthy`, `starting`; `none` without a health check. */
  readonly health: string;
  /** `always`, `on-failure:5`, `no`. */
  readonly restartPolicy: string;
  /** RFC 3339 with nanoseconds, as the engine has it. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly exitCode: number;
}

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly State: {
    readonly Status: string;
    readonly StartedAt: string;
    readonly FinishedAt: string;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string };
  };
  readonly HostConfig: {
    readonly RestartPolicy: { readonly Name: string; readonly MaximumRetryCount: number };
  };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
}

const policyOf = ({ Name, MaximumRetryCount }: Inspected['HostConfig']['RestartPolicy']): string =>
  `${Name === '' ? 'no' : Name}${MaximumRetryCount > 0 ? `:${MaximumRetryCount}` : ''}`;

/** Ids of all containers of a project, in whatever state. */
export const containersOf = (project: string): Promise<readonly string[]> =>
  containerIds({ label: `com.docker.compose.project=${project}` });

/** Every container of a project, by service and number. */
export const states = async (project: string): Promise<readonly ContainerState[]> => {
  const inspected = await inspectAll<Inspected>(await containersOf(project));
  return inspected
    .map((container) => ({
      service: container.Config.Labels['com.docker.compose.service'] ?? '',
      number: Number(container.Config.Labels['com.docker.compose.container-number'] ?? 0),
      name: container.Name.replace(/^\//, ''),
      id: container.Id,
      state: container.State.Status,
      health: container.State.Health?.Status ?? 'none',
      restartPolicy: policyOf(container.HostConfig.RestartPolicy),
      startedAt: container.State.StartedAt,
      finishedAt: container.State.FinishedAt,
      exitCode: container.State.ExitCode,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
};

/**
 * `service-number` of the containers whose last start came after `since`, in the order of these starts. It
 * reads `State.StartedAt`: the engine remembers only its last 256 events, which health checks use up in
 * half a minute. A container that was started twice stands where its second start was; `watchEvents` sees both.
 */
export const startOrder = async (project: string, since: Date): Promise<readonly string[]> =>
  (await states(project))
    .filter(({ startedAt }) => new Date(startedAt) > since)
    .sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1))
    .map(({ service, number }) => `${service}-${number}`);

/** One thing the engine did with a container. */
export interface ContainerEvent {
  /** `kill`, `die`, `stop`, `start`, `pause`, `unpause`, `create`, `destroy`, `update`. */
  readonly action: string;
  readonly service: string;
  readonly number: number;
  readonly id: string;
}

interface EngineEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

const watched = ['kill', 'die', 'stop', 'start', 'pause', 'unpause', 'create', 'destroy', 'update'];

/** Records what the engine does with the containers of a project, from now until `end` is called. */
export const watchEvents = async (project: string) => {
  const filters = ['type=container', 'type=volume', ...watched.map((action) => `event=${action}`)];
  const args = filters.flatMap((filter) => ['--filter', filter]);
  const since = String(Date.now() / 1000);
  const child = spawn('docker', ['events', '--since', since, '--format', '{{json .}}', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child, 'spawn');
  const events: ContainerEvent[] = [];
  let mark = '';
  let marked = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { Type, Action, Actor } = JSON.parse(line) as EngineEvent;
    if (Type === 'volume' && Actor.ID === mark) marked.resolve();
    const { Attributes } = Actor;
    if (Type !== 'container' || Attributes['com.docker.compose.project'] !== project) return;
    const service = Attributes['com.docker.compose.service'] ?? '';
    const number = Number(Attributes['com.docker.compose.container-number'] ?? 0);
    events.push({ action: Action, service, number, id: Actor.ID });
  });
  const ended = once(child, 'close').then(() => marked.reject(new Error('`docker events` ended by itself')));
  /** Everything up to this moment: an event of our own, made now, comes after all of them. */
  const seen = async (): Promise<readonly ContainerEvent[]> => {
    mark = randomName('mark');
    marked = Promise.withResolvers<void>();
    await docker('volume', 'create', mark);
    try {
      await marked.promise;
    } finally {
      await docker('volume', 'rm', mark);
    }
    return [...events];
  };
  const stop = async (): Promise<void> => {
    marked.promise.catch(() => undefined);
    child.kill();
    await ended;
  };
  return {
    seen,
    /** The same, and stops watching. */
    end: async (): Promise<readonly ContainerEvent[]> => {
      try {
        return await seen();
      } finally {
        await stop();
      }
    },
    [Symbol.asyncDispose]: stop,
  };
};
