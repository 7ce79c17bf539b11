import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { BenchProblem } from './say.ts';

/** How long the services of a stack were away, in seconds. */
export interface Absence {
  /** From the first container told to stop until the last one runs again. */
  readonly downtime: number;
  /** From the last one that ended until the first one that runs again. */
  readonly window: number;
}

interface EngineEvent {
  readonly Action: string;
  readonly timeNano: number;
}

/** Limit of the wait for events of what has happened already, ms. */
const limitMs = 10_000;

const absenceOf = (events: readonly EngineEvent[]): Absence => {
  const times = (action: string): number[] =>
    events.filter((event) => event.Action === action).map((event) => event.timeNano / 1e9);
  return {
    downtime: Math.max(...times('start')) - Math.min(...times('kill')),
    window: Math.min(...times('start')) - Math.max(...times('die')),
  };
};

export interface Watch extends AsyncDisposable {
  /** Resolves when as many containers as there are have started since the watch began. */
  readonly absence: () => Promise<Absence>;
}

/** Listens to what the engine itself says about the containers of a project: the same for every method. */
export const watchProject = (project: string, containers: number): Watch => {
  const since = String(Date.now() / 1000);
  const filters = ['type=container', `label=com.docker.compose.project=${project}`];
  const child = spawn(
    'docker',
    ['events', '--since', since, '--format', '{{json .}}', ...filters.flatMap((one) => ['--filter', one])],
    { detached: true, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const events: EngineEvent[] = [];
  const all = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    events.push(JSON.parse(line) as EngineEvent);
    if (events.filter((event) => event.Action === 'start').length === containers) all.resolve();
  });
  child.once('close', () => ended.resolve());
  const late = (): Promise<never> =>
    new Promise((_, reject) => {
      const problem = new BenchProblem(`the engine did not tell of the start of ${containers} containers`);
      setTimeout(() => reject(problem), limitMs).unref();
    });
  return {
    absence: async () => {
      await Promise.race([all.promise, late()]);
      return absenceOf(events);
    },
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended.promise;
    },
  };
};
