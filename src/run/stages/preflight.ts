import { access, constants, lstat, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { freeSpace, isInside } from '../../base/disk.ts';
import { errnoOf, StackBackupError } from '../../base/errors.ts';
import type { HookConfig } from '../../config/types.ts';
import { checkHook, containerOf } from '../../hooks/registry.ts';
import type { HookContext } from '../../hooks/types.ts';
import { modeOf } from '../../plan/containers.ts';
import type { BackupPlan } from '../../plan/types.ts';
import type { RunContext } from '../context.ts';

const unusable = (folder: string, why: string, next: string, cause?: unknown): StackBackupError =>
  new StackBackupError('backups-unusable', `the backups folder ${folder} ${why}`, { next, cause });

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** The folder itself, or the nearest one above it that exists: there it would be made. */
const existing = async (folder: string): Promise<string> => {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(folder) === folder) throw error;
    // A link to nowhere is there, and nothing can be made in its place.
    if (await isThere(folder)) throw error;
    return existing(dirname(folder));
  }
};

/** Throws `backups-unusable` when nothing can be written in this folder, or it could not be made. Writes nothing. */
export const assertWritable = async (folder: string): Promise<void> => {
  try {
    const there = await existing(folder);
    if (!(await stat(there)).isDirectory())
      throw unusable(
        folder,
        `cannot be used: ${there} is no folder`,
        'Choose another path with `backups:` or --backups.',
      );
    await access(there, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof StackBackupError) throw error;
    const next =
      'Mount it writable, run as a user who may write there, or choose another path with --backups.';
    throw unusable(folder, `cannot be written to (${errnoOf(error) ?? String(error)})`, next, error);
  }
};

/** A snapshot that holds the backups folder would hold itself. */
const assertApart = async (plan: BackupPlan): Promise<void> => {
  const { backups } = plan.instance;
  for (const { task, mount } of plan.copies) {
    if (!mount.onHost) continue;
    if (await isInside(backups, task.source))
      throw unusable(
        backups,
        `lies inside ${task.name}, which is to be copied`,
        `Choose a folder outside of it, or leave ${task.name} out with \`exclude:\`.`,
      );
    if (await isInside(task.source, backups))
      throw unusable(
        backups,
        `holds ${task.name}, which is to be copied`,
        `Choose another backups folder, or leave ${task.name} out with \`exclude:\`.`,
      );
  }
};

/** A folder that was removed under its container is seen by that one alone. */
const assertThere = async (context: RunContext, plan: BackupPlan): Promise<void> => {
  if (!context.local) return;
  for (const { mount } of plan.copies) {
    if (mount.kind !== 'bind' || (await isThere(mount.source))) continue;
    const services = [...new Set(mount.users.map(({ service }) => service))].join(', ');
    throw new StackBackupError(
      'copy-failed',
      `the host path ${mount.source} is gone, and ${services} still has it mounted: it cannot be read from here`,
      {
        next: 'Bring it back, or recreate the service (`docker compose up -d`), or leave it out with `exclude:`.',
      },
    );
  }
};

const mib = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MiB`;

/** Enough free bytes and inodes for what the plan copies. Asked again just before the stop: dumps take space, too. */
export const assertSpace = async (plan: BackupPlan, needed = plan.needed): Promise<void> => {
  const { backups } = plan.instance;
  const free = await freeSpace(backups);
  const { bytes, inodes } = needed;
  const next = 'Free some space there, or choose another folder with `backups:` or --backups.';
  const details = { needed, free };
  if (free.bytes < bytes)
    throw new StackBackupError(
      'space-short',
      `${backups} has ${mib(free.bytes)} free; the snapshot needs about ${mib(bytes)}`,
      {
        next,
        details,
      },
    );
  if (free.inodes < inodes)
    throw new StackBackupError(
      'space-short',
      `${backups} has ${free.inodes} inodes free; the snapshot needs about ${inodes}`,
      {
        next,
        details,
      },
    );
};

/** What hooks need of a plan: a recovery has no more than that. */
export type HookPlan = Pick<BackupPlan, 'hooks'> & {
  readonly instance: Pick<BackupPlan['instance'], 'name' | 'quiesce' | 'services'>;
  readonly stack: HookContext['stack'];
};

/** The context of one hook in one phase. */
export const hookContext = (
  context: RunContext,
  plan: HookPlan,
  hook: HookConfig,
  about: Pick<HookContext, 'folder' | 'run'> & Partial<Pick<HookContext, 'outcome' | 'snapshot'>>,
): HookContext => {
  const container = containerOf(hook, plan.stack);
  return {
    engine: context.engine,
    hostPaths: context.local,
    stack: plan.stack,
    instance: plan.instance.name,
    phase: hook.phase,
    signal: context.signal,
    ...about,
    ...(container === undefined ? {} : { container }),
    ...(hook.service === undefined ? {} : { quiesce: modeOf(plan.instance, hook.service) }),
  };
};

/**
 * Everything that can be known to fail is found here, before anything is touched and before anything is
 * written: the backups folder, the space in it, the hooks.
 */
export const preflight = async (context: RunContext, plan: BackupPlan): Promise<void> => {
  await assertWritable(plan.instance.backups);
  await assertThere(context, plan);
  await assertApart(plan);
  await assertSpace(plan);
  for (const hook of plan.hooks) await assertHook(context, plan, hook);
};

/** A hook whose failure is only a warning is left to fail in its own phase. */
const assertHook = async (context: RunContext, plan: BackupPlan, hook: HookConfig): Promise<void> => {
  if (hook.onFailure === 'warn') return;
  await checkHook(hook, hookContext(context, plan, hook, { folder: plan.instance.backups }));
};
