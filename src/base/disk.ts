import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, realpath, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { errnoOf, messageOf, StackBackupError } from './errors.ts';
import { run } from './process.ts';

/** Makes what a folder lists (a rename, a new name) survive a power cut. */
export const fsyncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** A system error of an open file does not say of which. */
const naming = (path: string, thrown: unknown): unknown => {
  const code = errnoOf(thrown);
  if (code === undefined || (thrown as NodeJS.ErrnoException).path !== undefined) return thrown;
  return Object.assign(new Error(`${messageOf(thrown)} '${path}'`, { cause: thrown }), { code, path });
};

/** Awaits a writer of `path`; what it rejects with names the file. */
export const writing = async <T>(path: string, writer: Promise<T>): Promise<T> => {
  try {
    return await writer;
  } catch (thrown) {
    throw naming(path, thrown);
  }
};

/**
 * Writes a file so that after a crash either the old or the new content is there, whole: temporary file
 * beside it, fsync, rename, fsync of the folder. `mode` holds whatever the umask is.
 */
export const atomicWrite = async (path: string, data: string | Uint8Array, mode = 0o600): Promise<void> => {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.chmod(mode);
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    // What went wrong counts, not that a disk like that keeps the file too.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw naming(path, thrown);
  }
  await fsyncDirectory(dirname(path));
};

/** Makes a folder that only its owner can enter, and its parents. One that exists keeps its mode. */
export const makePrivateDirectory = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true, mode: 0o700 });
};

/**
 * Makes a folder in one that exists, private as well; one that is there already is as good. Unlike
 * `makePrivateDirectory` it never makes a parent: below a folder whose disk was unmounted nothing is made.
 */
export const makeFolderIn = async (path: string): Promise<void> => {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EEXIST') throw thrown;
  }
};

/** Remembers which folder `path` is now. The answer tells whether it is that one still: not unmounted, not replaced. */
export const rememberFolder = async (path: string): Promise<() => Promise<boolean>> => {
  const { dev, ino } = await stat(path, { bigint: true });
  return async () => {
    const now = await stat(path, { bigint: true }).catch(() => undefined);
    return now?.dev === dev && now.ino === ino;
  };
};

/** What `rm` said, at most three lines of it: it has one for each file. */
const firstLines = (text: string): string => {
  const lines = text.trim().split('\n');
  const more = lines.length > 3 ? `; and ${lines.length - 3} more` : '';
  return lines.slice(0, 3).join('; ') + more;
};

/** Removes whatever is there, names in any bytes, never following a link. Absent is success. */
export const removeTree = async (path: string): Promise<void> => {
  const result = await run(['rm', '-rf', '--', resolve(path)], { env: { LC_ALL: 'C' } });
  if (result.exitCode !== 0)
    throw new StackBackupError('backups-unusable', `cannot remove ${path}: ${firstLines(result.stderr)}`, {
      next: `Remove ${path} by hand when its file system is writable again.`,
    });
};

/** The real path of what exists of `path`, and the rest of it that does not exist yet. */
const nearest = async (path: string): Promise<{ readonly real: string; readonly rest: string }> => {
  const absolute = resolve(path);
  for (let at = absolute; ; at = dirname(at)) {
    try {
      return { real: await realpath(at), rest: relative(at, absolute) };
    } catch (thrown) {
      if (errnoOf(thrown) !== 'ENOENT' || at === dirname(at)) throw thrown;
      // A link to nowhere is not "absent": what is made through it would lie elsewhere.
      if (await isLink(at)) throw thrown;
    }
  }
};

const isLink = async (path: string): Promise<boolean> => {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
};

/** Whether `child` is `parent` or lies in it, links resolved. Either may not exist yet. */
export const isInside = async (child: string, parent: string): Promise<boolean> => {
  const [inner, outer] = await Promise.all(
    [child, parent].map(async (path) => {
      const { real, rest } = await nearest(path);
      return join(real, rest);
    }),
  );
  if (inner === undefined || outer === undefined) return false;
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
};

export interface FreeSpace {
  /** Bytes an ordinary user may still write. */
  readonly bytes: number;
  /** Files that may still be made; Infinity where the file system has no such limit (Btrfs). */
  readonly inodes: number;
  /** Device number: equal for two paths of one file system. */
  readonly device: number;
}

/** What is free where `path` lies or would be made. */
export const freeSpace = async (path: string): Promise<FreeSpace> => {
  const { real } = await nearest(path);
  const [fs, info] = await Promise.all([statfs(real, { bigint: true }), stat(real)]);
  return {
    bytes: Number(fs.bavail * fs.bsize),
    inodes: fs.files === 0n ? Number.POSITIVE_INFINITY : Number(fs.ffree),
    device: info.dev,
  };
};

/** Flushes the file system that holds `path` to its disk (syncfs, through coreutils' `sync -f`). */
export const syncFileSystem = async (path: string, signal?: AbortSignal): Promise<void> => {
  const result = await run(['sync', '-f', resolve(path)], {
    env: { LC_ALL: 'C' },
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.exitCode !== 0)
    throw new StackBackupError('backups-unusable', `cannot flush ${path} to disk: ${result.stderr.trim()}`, {
      next: 'Look at the kernel log: the disk may be failing or full.',
    });
};
