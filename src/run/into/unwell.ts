import { sleep } from '../../base/wait/heed.ts';
import type { ContainerDetails } from '../../docker/engine.ts';
import { composeLabel } from '../../stack/labels.ts';
import type { IntoTask, IntoTools } from './execute.ts';

const everyMs = 250;

const isWaiting = ({ state, health }: ContainerDetails): boolean =>
  state === 'running' && health === 'starting';

/** Services that are not as they should be when all have come to rest, or the limit is over; in words. */
export const unwell = async (
  { plan, healthMs }: IntoTask,
  { engine, clock, signal }: IntoTools,
): Promise<readonly string[]> => {
  const until = clock.tick() + healthMs;
  for (;;) {
    const ids = await engine.containers([`${composeLabel.project}=${plan.project}`]);
    const all = await Promise.all(ids.map((id) => engine.inspect(id)));
    if (!all.some(isWaiting) || clock.tick() >= until)
      return all
        .filter(({ state, health, exitCode }) =>
          state === 'running' ? health === 'unhealthy' || health === 'starting' : exitCode !== 0,
        )
        .map(
          ({ labels, name, state, health }) =>
            `${labels[composeLabel.service] ?? name} is ${state === 'running' ? health : state}`,
        );
    await sleep(everyMs, signal);
  }
};
