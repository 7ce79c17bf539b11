import type { Engine } from '../docker/engine.ts';
import { statusOf } from '../docker/failure.ts';
import { drillLabel } from '../run/drill/label.ts';

/** Undefined where it is gone by now: a drill that ends removes its containers. */
const labelOf = async (engine: Engine, container: string): Promise<string | undefined> => {
  try {
    return (await engine.inspect(container)).labels[drillLabel];
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
};

/** Ids of the drills that have containers or volumes on an engine: kept ones, and those under way. */
export const drillsOn = async (engine: Engine): Promise<readonly string[]> => {
  const containers = await engine.containers([drillLabel]);
  const labels = await Promise.all(containers.map((id) => labelOf(engine, id)));
  const volumes = await engine.volumes(drillLabel);
  const ofVolumes = await Promise.all(
    volumes.map(async (name) => (await engine.volume(name))?.labels[drillLabel]),
  );
  return [...new Set([...labels, ...ofVolumes].filter((id) => id !== undefined))].sort();
};

/** Whether an id is one that this program has given: nothing else is removed by it. */
export const isDrillId = (id: string): boolean => /^drill-[a-z0-9][a-z0-9_-]*-[0-9a-f]{8}$/.test(id);
