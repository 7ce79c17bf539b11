import { lstat, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolderIn } from '../base/disk.ts';
import { errnoOf, StackBackupError } from '../base/errors.ts';
import type { Pace } from '../base/process/pace.ts';
import { spawnStreaming } from '../base/process.ts';
import { sourceRecordsPath, workPath } from '../snapshot/layout.ts';
import { takeStamp, tellsChanges } from './changes/stamp.ts';
import { gentle } from './gentle.ts';
import { type Cloning, copyCommand } from './large/copy-command.ts';
import type { Copied, CopyTask } from './types.ts';
import { graveComplaint, recordWalk } from './walk.ts';

export interface CopyOptions {
  readonly signal?: AbortSignal;
  /** Told the bytes copied so far, a few times a second. */
  readonly onProgress?: (bytes: number) => void;
}

const progressMs = 250;

/** Bytes a process has written so far: the kernel counts `copy_file_range` too (proc(5), wchar). */
const writtenBy = async (pid: number): Promise<number> => {
  const io = await readFile(`/proc/${pid}/io`, 'latin1');
  return Number(/^wchar: (\d+)$/m.exec(io)?.[1] ?? 0);
};

/** The file below `destination` that a process has open, with what is in it already. */
const openFile = async (
  pid: number,
  destination: string,
): Promise<{ path: string; size: number } | undefined> => {
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const path = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
    if (path !== destination && !path.startsWith(`${destination}/`)) continue;
    const file = await stat(path).catch(() => undefined);
    if (file?.isFile()) return { path, size: Math.min(file.size, file.blocks * 512) };
  }
  return undefined;
};

/**
 * How far a `cp` has come. The kernel counts a call when it returns, and one call may copy a whole large
 * file: so the file being written counts by its own size from where the count stood when it was begun.
 */
const meter = (pid: number, destination: string) => {
  let begun = { path: '', at: 0 };
  return async (): Promise<number> => {
    const written = await writtenBy(pid);
    const file = await openFile(pid, destination);
    if (file === undefined) return written;
    if (file.path !== begun.path) begun = { path: file.path, at: Math.max(0, written - file.size) };
    return Math.max(written, begun.at + file.size);
  };
};

/** Tells how far a copy has come until it is disposed of; never more than `of`, never less than before. */
const follow = (
  pid: number | undefined,
  destination: string,
  of: number,
  tell: (bytes: number) => void,
): Disposable => {
  if (pid === undefined) return { [Symbol.dispose]: () => undefined };
  const read = meter(pid, destination);
  let last = 0;
  const timer = setInterval(async () => {
    const done = Math.min(await read().catch(() => 0), of); // it may just have ended
    if (done <= last) return;
    last = done;
    tell(last);
  }, progressMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
};

const isAbsent = async (path: string): Promise<boolean> => {
  try {
    await lstat(path);
    return false;
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return true;
    throw thrown;
  }
};

/** One `cp` process; a source in use (`live`) may lose entries meanwhile. */
export const copyWith = async (
  source: string,
  destination: string,
  of: number,
  options: CopyOptions & {
    readonly live?: boolean;
    readonly cloning?: Cloning | undefined;
    readonly pace?: Pace | undefined;
  },
): Promise<void> => {
  const { live = false, cloning, pace } = options;
  const command = [...copyCommand(cloning, pace), '-T', '--', source, destination];
  const child = spawnStreaming(live ? await gentle(command) : command, {
    env: { LC_ALL: 'C' },
    ...(options.signal && { signal: options.signal }),
    ...(pace && { pace }),
  });
  child.stdout.resume();
  using _progress = follow(child.pid, destination, of, options.onProgress ?? (() => undefined));
  const why = graveComplaint(await child.done, live);
  if (why !== undefined)
    throw new StackBackupError('copy-failed', `cannot copy all of ${source}: ${why}`, {
      next: 'The services run again and nothing was kept of this run: see what the message names, then run it again.',
    });
};

/** Runs both; when one fails the other is ended, and the one that failed first tells why. */
const together = async (
  signal: AbortSignal | undefined,
  tasks: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> => {
  const giveUp = new AbortController();
  const both = signal === undefined ? giveUp.signal : AbortSignal.any([signal, giveUp.signal]);
  let failed: { readonly error: unknown } | undefined;
  await Promise.all(
    tasks.map((task) =>
      task(both).catch((error: unknown) => {
        failed ??= { error };
        giveUp.abort();
      }),
    ),
  );
  if (failed !== undefined) throw (failed as { readonly error: unknown }).error;
};

/**
 * Copies a directory or a single file of this host to `<snapshot>/<task.path>`, which must not exist, and
 * records beside it what the source was (inodes and change times too) for `finishCopy`. Both run while the
 * services stand still, so neither counts, hashes nor flushes anything. `bytes` is what the source was
 * measured to hold; progress ends there. Rejects with `copy-failed` at the least complaint.
 */
export const copyTree = async (
  task: CopyTask,
  snapshot: string,
  options: CopyOptions & {
    readonly bytes: number;
    /** Nobody can have the files open: what is copied is what a later snapshot may share. */
    readonly quiet?: boolean;
  },
): Promise<Copied> => {
  const from = performance.now();
  const destination = join(snapshot, task.path);
  if (!(await isAbsent(destination)))
    throw new StackBackupError('copy-failed', `${destination} is there already`, {
      next: 'Something else writes into the snapshot: make sure nothing does, then run the backup again.',
    });
  const source = await sourceOf(task);
  await makeFolderIn(dirname(destination));
  await makeFolderIn(workPath(snapshot));
  const settles = options.quiet === true && (await tellsChanges(source));
  const stamp = settles ? await takeStamp(workPath(snapshot)) : undefined;
  await together(options.signal, [
    (signal) => copyWith(source, destination, options.bytes, { ...options, signal }),
    (signal) => recordWalk(source, sourceRecordsPath(snapshot, task.path), signal),
  ]);
  options.onProgress?.(options.bytes);
  return {
    task,
    form: 'tree',
    ms: Math.round(performance.now() - from),
    lost: [],
    warnings: [],
    ...(stamp && { settled: stamp.since }),
  };
};

/** The engine follows links when it mounts a bind, so its copy is of what they lead to. */
export const sourceOf = async (task: CopyTask): Promise<string> => {
  try {
    return await realpath(task.source);
  } catch (cause) {
    throw new StackBackupError(
      'copy-failed',
      `cannot read ${task.source}: ${errnoOf(cause) ?? 'unknown error'}`,
      {
        cause,
        next: 'It was removed or its permissions changed since the run began: bring it back, then run it again.',
      },
    );
  }
};
