import { writeFile } from 'node:fs/promises';
import { StackBackupError } from '../../base/errors.ts';
import { run } from '../../base/process.ts';
import { type BackTarget, putBack } from '../../copy/back/back.ts';
import { gentle } from '../../copy/gentle.ts';
import { lostOf } from '../../run/restore/data/lost.ts';
import type { DataPlan } from '../plan/types.ts';
import type { Drill } from '../task.ts';
import { putFileBack } from './single.ts';

/** Where a helper container has the volume that is filled through it. */
const inHolder = '/volume';

const targetOf = async (
  { id, tools }: Drill,
  volume: string,
  path: string | undefined,
): Promise<BackTarget> => {
  if (path !== undefined) return { kind: 'host', path };
  const mounts = [{ kind: 'volume', source: volume, target: inHolder, readOnly: false }] as const;
  const holder = await tools.engine.createHolder({ run: id, mounts });
  return { kind: 'api', engine: tools.engine, holder, path: inHolder };
};

const copyFrom = async (drill: Drill, from: string, to: string): Promise<void> => {
  const copy = await run(await gentle(['cp', '-a', '--one-file-system', '--reflink=auto', '--', from, to]), {
    signal: drill.tools.signal,
    env: { LC_ALL: 'C' },
  });
  if (copy.exitCode !== 0)
    throw new StackBackupError(
      'copy-failed',
      `${from} could not be copied for the drill: ${copy.stderr.trim()}`,
      {
        next: 'Run as a user who may read it, or leave its service out with `drill.leave_out`.',
      },
    );
};

/** Files and folders that come from this host or are made up. A service may read them whoever it runs as. */
const placeOthers = async (
  drill: Drill,
  plan: DataPlan,
  paths: ReadonlyMap<string, string>,
): Promise<void> => {
  for (const { path, from } of plan.files)
    if (from.kind === 'host') await copyFrom(drill, from.path, path);
    else await writeFile(path, from.text, { flag: 'wx', mode: 0o444 });
  for (const { volume, path } of plan.folders) {
    const to = paths.get(volume);
    if (to === undefined)
      drill.observations.push(`${path} could not be given to the services of a remote engine`);
    else await copyFrom(drill, `${path}/.`, to);
  }
};

/**
 * Puts everything in its place, one copy after the other: the original is at work meanwhile, and comes first.
 * Each is read again against its index. Rejects with `verify-failed` for a snapshot that cannot be put back.
 */
export const restoreData = async (
  drill: Drill,
  plan: DataPlan,
  paths: ReadonlyMap<string, string>,
): Promise<void> => {
  const { tools, task } = drill;
  for (const { mount, to } of plan.restores) {
    tools.signal.throwIfAborted();
    tools.say(`putting back ${mount.name}`);
    if (to.kind === 'file') await putFileBack(task.folder, mount, to.path, tools.signal);
    else {
      const target = await targetOf(drill, to.name, paths.get(to.name));
      const result = await putBack({ folder: task.folder, mount }, target, { signal: tools.signal });
      drill.observations.push(...lostOf(mount.name, target, result).map(({ message }) => message));
    }
  }
  await placeOthers(drill, plan, paths);
};
