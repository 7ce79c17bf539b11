import { join } from 'node:path';
import { removeTree } from '../../../base/disk.ts';
import { messageOf, StackBackupError } from '../../../base/errors.ts';
import type { DataState } from '../../../base/events.ts';
import type { VolumeSpec } from '../../../plan/restore/types.ts';
import { readManifest } from '../../../snapshot/manifest.ts';
import type { RunContext } from '../../context.ts';
import type { JournalContainer, JournalPutBack, JournalRestore } from '../../journal.ts';
import { inspected } from '../../recovery/back/judge.ts';
import { type Put, putAll } from './puts.ts';
import { madeReady } from './volumes.ts';

/** A restore that stands half-way, as its journal has it. */
export interface HalfRestored {
  readonly run: string;
  /** Absolute path of the backups folder. */
  readonly backups: string;
  readonly restore: JournalRestore;
  readonly containers: readonly JournalContainer[];
  /** Volumes with the passwords that the journal leaves out, by name, as long as they are known. */
  readonly specs?: ReadonlyMap<string, VolumeSpec>;
}

const isRunning = (state: string): boolean => ['running', 'restarting', 'paused'].includes(state);

/**
 * Whoever has started a service meanwhile started it on data that is neither the old nor the new. Resolves with
 * all that are to be started again, and their `StartedAt`: also those that the restore had started in between.
 */
const stopAll = async (
  { engine }: RunContext,
  containers: readonly JournalContainer[],
): Promise<SettledData['stopped']> => {
  const stopped = new Map<string, string>();
  for (const { id, action, ended } of containers) {
    if (action !== 'stop') continue;
    const found = await inspected(engine, id);
    if (found === undefined) continue;
    const wasRunning = isRunning(found.state);
    if (wasRunning) await engine.stop(id);
    const now = wasRunning ? await inspected(engine, id) : found;
    if (now !== undefined && (wasRunning || ended !== true)) stopped.set(id, now.startedAt);
  }
  return stopped;
};

/**
 * Data that is to be taken as it stands: somebody has put it right by hand, or has given it up. Nothing is stopped
 * and nothing is written; what the restore keeps down is to be started.
 */
export const asItStands = async (
  { engine }: RunContext,
  { run, containers }: Pick<HalfRestored, 'run' | 'containers'>,
): Promise<SettledData> => {
  const stopped = new Map<string, string>();
  for (const { id, action, ended } of containers) {
    const found = action === 'stop' && ended !== true ? await inspected(engine, id) : undefined;
    if (found !== undefined && !isRunning(found.state)) stopped.set(id, found.startedAt);
  }
  await engine.removeHolders(run);
  return { data: 'as-is', problems: [], stopped };
};

const putsOf = async (
  folder: string,
  mounts: readonly JournalPutBack[],
  nameOf: (put: JournalPutBack) => string,
): Promise<readonly Put[]> => {
  const manifest = await readManifest(folder);
  return mounts.map((to) => {
    const mount = manifest.mounts.find((one) => one.name === nameOf(to));
    if (mount === undefined) throw new StackBackupError('restore-failed', `${folder} has no ${nameOf(to)}`);
    return { mount, to };
  });
};

/** Everything again as it was: what was kept is put back in whole, what was not there is removed. */
const rollBack = async (
  context: RunContext,
  { run, backups, restore, specs }: HalfRestored,
): Promise<void> => {
  const folder = join(backups, restore.safety ?? '');
  const kept = restore.mounts.filter(({ created }) => created !== true);
  if (kept.length > 0 && restore.safety === undefined)
    throw new StackBackupError('restore-failed', 'there is no safety snapshot to go back to');
  const whole = kept.map(({ paths: _paths, ...to }) => to);
  const puts = kept.length === 0 ? [] : await putsOf(folder, whole, ({ name }) => name);
  const ready: Put[] = [];
  for (const { mount, to } of puts)
    ready.push({ mount, to: await madeReady(context, to, specs?.get(to.name)) });
  await putAll(context, { run, folder, puts: ready, devices: true });
  for (const { kind, name, source, created } of restore.mounts)
    if (created) await (kind === 'volume' ? context.engine.removeVolume(name) : removeTree(source));
};

/** On to the end: what the snapshot has is put in place once more. */
const goForward = async (context: RunContext, { run, restore, specs }: HalfRestored): Promise<void> => {
  const puts = await putsOf(restore.from, restore.mounts, ({ mount }) => mount);
  const ready: Put[] = [];
  for (const { mount, to } of puts)
    ready.push({ mount, to: await madeReady(context, to, specs?.get(to.name)) });
  await putAll(context, { run, folder: restore.from, puts: ready, devices: restore.devices });
};

const canGoBack = ({ safety, mounts }: JournalRestore): boolean =>
  safety !== undefined || mounts.every(({ created }) => created === true);

/** What became of the data, and why not better. */
export interface SettledData {
  readonly data: DataState;
  readonly problems: readonly string[];
  /** Who was kept down, or stopped, for it, by id, and when each was started last: all are to be started. */
  readonly stopped: ReadonlyMap<string, string>;
}

/**
 * Brings data that is neither the old nor the new to one of the two: back to what was kept of it, else on to
 * what the snapshot has. `half-restored` when neither can be done: then nothing that uses it may run. Never
 * rejects, and is not interrupted.
 */
export const settleData = async (interruptible: RunContext, half: HalfRestored): Promise<SettledData> => {
  const context = { ...interruptible, signal: new AbortController().signal };
  const problems: string[] = [];
  let stopped: SettledData['stopped'] = new Map();
  const attempt = async (work: () => Promise<void>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      problems.push(messageOf(error));
      return false;
    }
  };
  const isQuiet = await attempt(async () => {
    stopped = await stopAll(context, half.containers);
    await context.engine.removeHolders(half.run);
  });
  if (!isQuiet) return { data: 'half-restored', problems, stopped };
  if (canGoBack(half.restore) && (await attempt(() => rollBack(context, half))))
    return { data: 'rolled-back', problems, stopped };
  // The files of a snapshot are not what its dumps would have made.
  const isOn = half.restore.loads === undefined && (await attempt(() => goForward(context, half)));
  const data = isOn ? 'restored' : 'half-restored';
  return { data, problems, stopped };
};
