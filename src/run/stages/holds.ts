import { realpath } from 'node:fs/promises';
import { type Holds, holdsOf } from '../../plan/mounts/holds.ts';
import type { BackupPlan } from '../../plan/types.ts';
import type { Need } from '../../stack/order.ts';
import type { RunContext } from '../context.ts';

/** Host paths with their links resolved; those of another machine stay as they are. */
export const resolved = async (
  paths: ReadonlySet<string>,
  local: boolean,
): Promise<ReadonlyMap<string, string>> => {
  if (!local) return new Map();
  const real = async (path: string) => [path, await realpath(path).catch(() => path)] as const;
  return new Map(await Promise.all([...paths].filter((path) => path.startsWith('/')).map(real)));
};

/** Which copies keep which containers down, as the plan and the links on this host say. */
export const holdsIn = async (
  { local }: Pick<RunContext, 'local'>,
  { stack, copies, stopWaves }: BackupPlan,
  needs: readonly Need[],
): Promise<Holds> => {
  const paths = new Set([
    ...stack.containers.flatMap(({ details }) => details.mounts.map(({ source }) => source)),
    ...stack.mounts.flatMap(({ source, options }) => [source, options.device ?? '']),
  ]);
  const known = await resolved(paths, local);
  const quieted = stopWaves.flat().map(({ id }) => id);
  return holdsOf({ stack, copies, quieted, needs, real: (path) => known.get(path) ?? path });
};
