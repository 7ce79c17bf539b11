import { constants } from 'node:fs';
import { copyFile, link, lstat, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fsyncDirectory } from '../../base/disk.ts';
import { errnoOf, messageOf, StackBackupError } from '../../base/errors.ts';
import { run } from '../../base/process.ts';
import type { SqliteLoadPlan } from './types.ts';

/** What SQLite keeps beside a database: they belong to it, and to no other. */
const companions = ['-wal', '-shm', '-journal'] as const;

const inodeOf = async (path: string): Promise<bigint | undefined> => {
  try {
    return (await lstat(path, { bigint: true })).ino;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** What there is of a load. */
export interface SqliteStanding {
  readonly target: boolean;
  readonly fresh: boolean;
  readonly kept: boolean;
  /** Both are one file: the swap has begun but not come to the new file, or (without an old one) is done. */
  readonly same: boolean;
}

export const standingOf = async ({ target, fresh, kept }: SqliteLoadPlan): Promise<SqliteStanding> => {
  const [live, made, old] = [await inodeOf(target), await inodeOf(fresh), await inodeOf(kept)];
  return {
    target: live !== undefined,
    fresh: made !== undefined,
    kept: old !== undefined,
    same: live !== undefined && live === old,
  };
};

/** System errors in words that name the database. */
export const onDisk = async <Result>(plan: SqliteLoadPlan, work: () => Promise<Result>): Promise<Result> => {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof StackBackupError) throw cause;
    const full = errnoOf(cause) === 'ENOSPC' || errnoOf(cause) === 'EDQUOT';
    throw new StackBackupError('hook-failed', `cannot load ${plan.database}: ${messageOf(cause)}`, {
      cause,
      next: full
        ? `Free space beside ${plan.target}: the new file is made there before the old one goes.`
        : `Look at the permissions and the file system of ${dirname(plan.target)}.`,
    });
  }
};

const removeCompanions = async (path: string): Promise<void> => {
  for (const suffix of companions) await rm(`${path}${suffix}`, { force: true });
};

/** A database and all that lies beside it. The file itself last: as long as it is there, the rest may be. */
export const removeSet = async (path: string): Promise<void> => {
  await removeCompanions(path);
  await rm(path, { force: true });
};

const moveCompanions = async (from: string, to: string): Promise<void> => {
  for (const suffix of companions)
    await rename(`${from}${suffix}`, `${to}${suffix}`).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error;
    });
};

/** The new file gets what made the old one usable for its owner: owner, mode, ACL and other attributes. */
const likeOld = async (plan: SqliteLoadPlan, signal: AbortSignal): Promise<void> => {
  const ended = await run(
    [
      ...['cp', '--attributes-only', '--preserve=mode,ownership,xattr', '--no-target-directory', '--'],
      ...[plan.target, plan.fresh],
    ],
    { signal },
  );
  if (ended.exitCode !== 0) throw new Error(ended.stderr.trim());
};

/** Without an old one: those of the folder, whose owner is the one who writes there. */
const likeFolder = async (plan: SqliteLoadPlan): Promise<void> => {
  const folder = await stat(dirname(plan.target));
  const file = await open(plan.fresh, 'r+');
  try {
    await file.chown(folder.uid, folder.gid);
    await file.chmod(folder.mode & 0o666);
  } finally {
    await file.close();
  }
};

/** Copies the dump beside the live file: private until it is whole, durable when this has ended. */
export const copyBeside = async (
  plan: SqliteLoadPlan,
  exists: boolean,
  signal: AbortSignal,
): Promise<void> => {
  await removeSet(plan.fresh);
  await copyFile(plan.file, plan.fresh, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  await (exists ? likeOld(plan, signal) : likeFolder(plan));
  const file = await open(plan.fresh, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
};

/**
 * Puts the new file in the place of the old one. The old one gets its second name first, its log and journal
 * follow it, and then one rename replaces it: at every moment there is a whole database under the name, and
 * the old set is either still in place or to be had back.
 */
export const swapFiles = async (plan: SqliteLoadPlan, standing: SqliteStanding): Promise<void> => {
  const { target, fresh, kept } = plan;
  // Without an old one the second name is the new file's own: by it one knows whose the file is.
  if (!standing.kept) await link(standing.target ? target : fresh, kept);
  if (standing.target) await moveCompanions(target, kept);
  await rename(fresh, target);
  await fsyncDirectory(dirname(target));
};

/** The old set in its place again, from any point of `swapFiles` or of this. */
export const unswapFiles = async (plan: SqliteLoadPlan, standing: SqliteStanding): Promise<void> => {
  const { target, fresh, kept, exists } = plan;
  if (!exists) {
    if (standing.same) await removeSet(target);
    await rm(kept, { force: true });
  } else {
    if (standing.same) await rm(kept);
    else if (standing.kept) {
      await removeCompanions(target);
      await rename(kept, target);
    }
    await moveCompanions(kept, target);
  }
  await removeSet(fresh);
  await fsyncDirectory(dirname(target));
};
