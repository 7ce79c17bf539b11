import type { Engine } from '../docker/engine.ts';
import { drillLabel } from '../run/drill/label.ts';

/** Ids of the drills that have containers or volumes on an engine: kept ones, and those under way. */
export const drillsOn = async (engine: Engine): Promise<readonly string[]> => {
  const containers = await engine.containers([drillLabel]);
  const labels = await Promise.all(
    containers.map(async (id) => (await engine.inspect(id)).labels[drillLabel]),
  );
  const volumes = await engine.volumes(drillLabel);
  const ofVolumes = await Promise.all(
    volumes.map(async (name) => (await engine.volume(name))?.labels[drillLabel]),
  );
  return [...new Set([...labels, ...ofVolumes].filter((id) => id !== undefined))].sort();
};

/** Whether an id is one that this program has given: nothing else is removed by it. */
export const isDrillId = (id: string): boolean => /^drill-[a-z0-9][a-z0-9_-]*-[0-9a-f]{8}$/.test(id);
