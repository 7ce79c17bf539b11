import { listContainers, tellEngine } from '../../support/ask-engine.ts';
import { until } from '../../support/until.ts';
import { glance, sinceWhen } from './glance.ts';
import type { FaultStack } from './stack.ts';

const isHealthy = async (id: string): Promise<boolean> =>
  (await listContainers({ id })).some(({ Status }) => Status.includes('(healthy)'));

/**
 * What the start of the services takes by itself at this moment of this machine, ms: they are made quiet and
 * brought back in the same order, by calls to the engine and nothing else, and seen as a guardian's work is.
 */
export const plainStartMs = async ({ stack, names }: FaultStack): Promise<number> => {
  const wanted = await glance(stack.project);
  const idOf = (service: string): string =>
    Object.keys(names).find((id) => names[id] === service) ?? `no ${service}`;
  const [db, app, frozen] = [idOf('db'), idOf('app'), idOf('frozen')];
  await tellEngine(app, 'stop');
  await Promise.all([tellEngine(db, 'stop'), tellEngine(frozen, 'pause')]);
  const from = Date.now();
  const start = async (): Promise<void> => {
    await tellEngine(db, 'start');
    await until('db is healthy', () => isHealthy(db));
    await tellEngine(app, 'start');
  };
  const since = await sinceWhen(stack.project, wanted, Promise.all([start(), tellEngine(frozen, 'unpause')]));
  if (since === undefined) throw new Error('the services are not back after a plain start');
  return since - from;
};
