import { StackBackupError } from '../../base/errors.ts';
import { drillLabel } from '../../run/drill/label.ts';
import type { DataPlan } from '../plan/types.ts';
import type { Drill } from '../task.ts';

const make = async ({ id, tools }: Drill, name: string): Promise<string | undefined> => {
  const { engine, info } = tools;
  if ((await engine.volume(name)) !== undefined)
    throw new StackBackupError('internal', `the volume ${name} is there already`);
  await engine.createVolume({ name, driver: 'local', labels: { [drillLabel]: id }, options: {} });
  return info.local ? (await engine.volume(name))?.mountpoint : undefined;
};

/**
 * Makes every volume that a sandbox mounts. Resolves with their paths on this host, by name; a volume of a
 * remote engine has none.
 */
export const makeVolumes = async (drill: Drill, plan: DataPlan): Promise<ReadonlyMap<string, string>> => {
  const names = plan.mounts.flatMap(({ from }) => (from.kind === 'volume' ? [from.name] : []));
  const paths = new Map<string, string>();
  for (const name of new Set(names)) {
    const path = await make(drill, name);
    if (path !== undefined) paths.set(name, path);
  }
  return paths;
};
