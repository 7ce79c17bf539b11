import type { ContainerDetails } from '../../../docker/engine.ts';
import type { RunContext } from '../../context.ts';

/** How often the engine is asked. It only learns of health at its own probes, so oftener tells nothing new. */
const everyMs = 100;

export type HealthAnswer = 'healthy' | 'late' | { readonly ended: ContainerDetails };

/** Waits until a container is healthy, has ended, or the limit (ms) is over. */
export const waitHealthy = async (
  context: RunContext,
  id: string,
  limitMs: number,
): Promise<HealthAnswer> => {
  const until = context.clock.tick() + limitMs;
  for (;;) {
    const details = await context.engine.inspect(id);
    if (details.state === 'exited' || details.state === 'dead') return { ended: details };
    if (details.health === 'healthy' || details.health === 'none') return 'healthy';
    if (context.clock.tick() >= until) return 'late';
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
};
