import { formatDuration } from '../../base/duration.ts';
import { sleep } from '../../base/wait/heed.ts';
import type { ContainerDetails } from '../../docker/engine.ts';
import { labelOfDrill } from '../../run/drill/label.ts';
import type { CheckResult } from '../../run/drill/record.ts';
import type { Manifest } from '../../snapshot/types.ts';
import { composeLabel } from '../../stack/labels.ts';
import type { Drill } from '../task.ts';

/** How often the engine is asked; it learns of health only at its own probes. */
const everyMs = 200;

/** Containers of a sandbox by service. */
export const containersOf = async ({ id, tools }: Drill): Promise<ReadonlyMap<string, ContainerDetails>> => {
  const ids = await tools.engine.containers([labelOfDrill(id)]);
  const all = await Promise.all(ids.map((one) => tools.engine.inspect(one)));
  return new Map(all.map((details) => [details.labels[composeLabel.service] ?? details.name, details]));
};

/** Whether it was healthy before, so that it has to be again. */
const wasHealthy = ({ containers }: Manifest, service: string): boolean =>
  containers.some((one) => one.service === service && one.healthBefore === 'healthy');

const isSettled = (details: ContainerDetails | undefined, healthy: boolean): boolean =>
  details?.state === 'running' && (!healthy || details.health === 'healthy');

/** It has ended, or cannot get there any more. Nothing starts it again. */
const isOver = (details: ContainerDetails | undefined): boolean =>
  details !== undefined && (details.state === 'exited' || details.state === 'dead');

const judged = (service: string, details: ContainerDetails | undefined, healthy: boolean): CheckResult => {
  const ok = isSettled(details, healthy);
  const state = details === undefined ? 'was not made' : `is ${details.state}`;
  const health = details?.state === 'running' ? ` and ${details.health}` : '';
  const exit = isOver(details) ? ` with exit code ${details?.exitCode}` : '';
  const message = ok
    ? healthy
      ? 'is healthy'
      : 'runs'
    : `${state}${health}${exit}; it was ${healthy ? 'healthy' : 'running'} before`;
  return { kind: 'health', about: service, ok, message };
};

/** How long a service that tells nothing of its health has to run: one that finds its data wanting ends soon. */
const steadyMs = 2_000;

/** Looks once more at services that were as they should be, when those without a health check have run for a while. */
export const stillThere = async (
  drill: Drill,
  services: readonly string[],
): Promise<readonly CheckResult[]> => {
  const { manifest } = drill.task;
  if (services.some((service) => !wasHealthy(manifest, service))) await sleep(steadyMs, drill.tools.signal);
  const found = await containersOf(drill);
  return services.map((service) => judged(service, found.get(service), wasHealthy(manifest, service)));
};

/**
 * Waits until every one of these services is as it was when the snapshot was taken (healthy, or running), or
 * can never be, or the limit (ms) is over. One result a service.
 */
export const awaitHealth = async (
  drill: Drill,
  services: readonly string[],
  limitMs: number,
): Promise<readonly CheckResult[]> => {
  const { clock, signal } = drill.tools;
  const { manifest } = drill.task;
  const until = clock.tick() + limitMs;
  for (;;) {
    const found = await containersOf(drill);
    const open = services.filter(
      (service) =>
        !isSettled(found.get(service), wasHealthy(manifest, service)) && !isOver(found.get(service)),
    );
    const isLate = clock.tick() >= until;
    if (open.length === 0 || isLate)
      return services.map((service) => {
        const one = judged(service, found.get(service), wasHealthy(manifest, service));
        const late = isLate && open.includes(service) ? ` (waited ${formatDuration(limitMs)})` : '';
        return { ...one, message: one.message + late };
      });
    await sleep(everyMs, signal);
  }
};
