import { access, constants } from 'node:fs/promises';
import { StackBackupError } from '../../base/errors.ts';
import { drillLabel } from '../../run/drill/label.ts';
import type { DataPlan } from '../plan/types.ts';
import type { Drill } from '../task.ts';

const isOpen = (path: string): Promise<boolean> =>
  access(path, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );

const make = async ({ id, tools }: Drill, name: string): Promise<string | undefined> => {
  const { engine, info } = tools;
  if ((await engine.volume(name)) !== undefined)
    throw new StackBackupError('internal', `the volume ${name} is there already`);
  await engine.createVolume({ name, driver: 'local', labels: { [drillLabel]: id }, options: {} });
  const path = info.local ? (await engine.volume(name))?.mountpoint : undefined;
  return path !== undefined && (await isOpen(path)) ? path : undefined;
};

/**
 * Makes every volume of a plan: one that is not made here the engine would make, as nobody's. Resolves with their paths on this host, by name; a volume of a
 * remote engine has none, nor has one that this user may not write to.
 */
export const makeVolumes = async (drill: Drill, plan: DataPlan): Promise<ReadonlyMap<string, string>> => {
  const paths = new Map<string, string>();
  for (const name of plan.volumes) {
    const path = await make(drill, name);
    if (path !== undefined) paths.set(name, path);
  }
  return paths;
};
