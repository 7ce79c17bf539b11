import { messageOf } from '../../../base/errors.ts';
import { sleep } from '../../../base/wait/heed.ts';
import type { Engine, EngineEvent } from '../../../docker/engine.ts';
import { backOff } from '../../../docker/outage.ts';
import type { RunContext } from '../../context.ts';

export interface StartWatch {
  /** Containers that the engine told of: started or thawed since the watch began. */
  readonly seen: readonly string[];
  /** The engine went away meanwhile: it has not told everything. */
  wasLost(): boolean;
}

type Watching = Awaited<ReturnType<Engine['watch']>>;

/** Tries until it watches again or is told to stop. The copy goes on without it, so there is no hurry. */
const again = async (begin: () => Promise<Watching>, stop: AbortSignal): Promise<Watching> => {
  for (let attempt = 0; ; attempt++) {
    await sleep(backOff(attempt), stop);
    try {
      return await begin();
    } catch (error) {
      if (stop.aborted) throw error;
    }
  }
};

/**
 * The engine's word on starts in the project while they must not happen, until `stop`; those that `isOurs`
 * answers for are not told. When the engine goes
 * away, that is told, and the watch goes on when it is back; what it does not tell, inspecting finds. `first`
 * is the engine that is asked in the beginning: services are down, and it may be worth some patience.
 */
export const watchStarts = async (
  context: RunContext,
  first: Engine,
  project: string,
  stop: AbortSignal,
  isOurs: (id: string) => boolean,
): Promise<StartWatch> => {
  const seen: string[] = [];
  let isLost = false;
  const onEvent = (event: EngineEvent): void => {
    const isStart = event.action === 'start' || event.action === 'unpause';
    if (isStart && !isOurs(event.containerId)) seen.push(event.containerId);
  };
  const begin = (engine: Engine): Promise<Watching> => engine.watch(project, onEvent, stop);
  const keep = async (begun: Watching): Promise<void> => {
    for (let watching = begun; ; watching = await again(() => begin(context.engine), stop)) {
      const error: unknown = await watching.ended.catch((thrown: unknown) => thrown);
      if (stop.aborted) return;
      const why = error === undefined ? '' : ` (${messageOf(error)})`;
      if (!isLost)
        context.warn({
          code: 'engine-away',
          message: `the connection to the engine was lost while the services are quiet${why}; the copy goes on`,
          notice: true,
        });
      isLost = true;
    }
  };
  keep(await begin(first)).catch(() => undefined); // told to stop
  return { seen, wasLost: () => isLost };
};
