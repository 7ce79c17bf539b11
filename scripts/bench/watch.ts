import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { BenchProblem } from './say.ts';

/** How long the services of a stack were away, in seconds. */
export interface Absence {
  /** From the first container told to stop until the last one runs again. */
  readonly downtime: number;
  /** From the last one that ended until the first one that runs again. */
  readonly window: number;
  /** From the last one that the engine has stopped until the first one was asked to start. */
  readonly work: number;
}

interface EngineEvent {
  readonly Action: string;
  readonly timeNano: number;
}

/** Limit of the wait for events of what has happened already, ms. */
const limitMs = 10_000;

/**
 * Who asks for a start says when (`asked`, seconds since 1970), or the engine does: our own tool puts back the
 * restart policy of a container just before, which is an event.
 */
const absenceOf = (events: readonly EngineEvent[], asked: number | undefined): Absence => {
  const times = (...actions: readonly string[]): number[] =>
    events.filter((event) => actions.includes(event.Action)).map((event) => event.timeNano / 1e9);
  const stopped = Math.max(...times('stop'));
  return {
    downtime: Math.max(...times('start')) - Math.min(...times('kill')),
    window: Math.min(...times('start')) - Math.max(...times('die')),
    work: (asked ?? Math.min(...times('update', 'start').filter((time) => time > stopped))) - stopped,
  };
};

export interface Watch extends AsyncDisposable {
  /** Resolves when as many containers as there are have started since the watch began. */
  readonly absence: (asked?: number) => Promise<Absence>;
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
    absence: async (asked) => {
      await Promise.race([all.promise, late()]);
      return absenceOf(events, asked);
    },
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended.promise;
    },
  };
};
