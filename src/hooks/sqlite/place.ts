import { lstat, open, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, posix, relative } from 'node:path';
import { errnoOf, StackBackupError } from '../../base/errors.ts';
import type { ContainerMount } from '../../docker/engine.ts';
import { printable } from '../output.ts';

const refuse = (message: string, next: string, cause?: unknown): StackBackupError =>
  new StackBackupError('hook-failed', message, { next, cause });

const quoted = (path: string): string => `"${printable(path, 200)}"`;

/** The mount whose destination is the longest prefix of `path`: what the container sees there. Pure. */
export const mountOver = (mounts: readonly ContainerMount[], path: string): ContainerMount | undefined => {
  const covers = (destination: string): boolean => {
    const prefix = posix.join(destination, '/');
    return path === destination || `${path}/`.startsWith(prefix);
  };
  return mounts
    .filter((mount) => covers(mount.destination))
    .sort((a, b) => b.destination.length - a.destination.length)
    .at(0);
};

/** A container path without `.`, `..` and double slashes; those could lead out of the mount. Pure. */
const plainPath = (path: string): string => {
  if (!path.startsWith('/') || path.split('/').includes('..') || path.includes('\0'))
    throw refuse(
      `${quoted(path)} is not a plain absolute path`,
      'Give `path:` as an absolute path in the container, without `..`.',
    );
  return posix.normalize(path).replace(/(?<=.)\/$/, '');
};

const magic = 'SQLite format 3\0';

/** Refuses what is no database before SQLite sees it: to SQLite an empty file is an empty database. */
const requireDatabase = async (host: string, path: string): Promise<void> => {
  const kind = await lstat(host);
  if (!kind.isFile())
    throw refuse(`${quoted(path)} is not a regular file`, 'Give the path of the database file itself.');
  const header = Buffer.alloc(16);
  const file = await open(host, 'r');
  try {
    await file.read(header, 0, header.length, 0);
  } finally {
    await file.close();
  }
  if (kind.size === 0)
    throw refuse(
      `${quoted(path)} is empty: no database has been written there`,
      'Check `path:`, and that the application really keeps its data in this file.',
    );
  if (header.toString('latin1') !== magic)
    throw new StackBackupError(
      'database-corrupt',
      `${quoted(path)} does not begin like an SQLite database: damaged, encrypted or another kind of file`,
      { next: 'Check `path:`; if it is right, restore the file from an earlier snapshot or salvage it.' },
    );
};

/** SQLite follows these names beside the database; planted links must not lead it elsewhere. */
const requirePlainNeighbours = async (host: string, path: string): Promise<void> => {
  for (const suffix of ['-wal', '-shm', '-journal']) {
    const beside = await lstat(`${host}${suffix}`).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (beside !== undefined && !beside.isFile())
      throw refuse(
        `${quoted(`${path}${suffix}`)} is not a regular file`,
        'Find out who put it there; SQLite keeps its journal under this name.',
      );
  }
};

const keepable = (mounts: readonly ContainerMount[], path: string): ContainerMount => {
  const mount = mountOver(mounts, path);
  if (mount === undefined)
    throw refuse(
      `${quoted(path)} lies in no mount of the container`,
      mounts.length === 0
        ? 'Keep the database in a volume: what lies in the container itself is lost with it.'
        : `Give a path below one of its mounts: ${mounts
            .map((it) => quoted(it.destination))
            .sort()
            .join(', ')}.`,
    );
  if (mount.type !== 'volume' && mount.type !== 'bind')
    throw refuse(
      `${quoted(path)} lies in a mount of type ${mount.type}, which holds nothing to keep`,
      'Keep the database in a volume or a bind mount.',
    );
  // Its -wal and -shm would lie in the container's own layer, where this side does not see them.
  if (mount.destination === path)
    throw refuse(
      `${quoted(path)} is mounted as a single file, so its journal lies out of reach`,
      'Mount the folder of the database instead of the file.',
    );
  return mount;
};

/** The plain path of a database in a container, and the mount that covers it. Pure; throws where it is kept in none. */
export const mountFor = (mounts: readonly ContainerMount[], asked: string) => {
  const path = plainPath(asked);
  return { path, mount: keepable(mounts, path) };
};

/** The same, and that mount's real folder on the host. */
const rootOf = async (mounts: readonly ContainerMount[], asked: string) => {
  const found = mountFor(mounts, asked);
  return { ...found, root: await realpath(found.mount.source) };
};

const requireInside = (root: string, host: string, path: string): void => {
  const inside = relative(root, host);
  if (inside === '' || inside === '..' || inside.startsWith('../') || isAbsolute(inside))
    throw refuse(
      `${quoted(path)} is a symbolic link that leads out of its mount`,
      'Give the path of the database itself, below a mount of the container.',
    );
};

const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '');

/**
 * Host path of a database in a container: through the mount that covers it, with every symlink resolved and
 * still inside the mount's source. It exists, is a regular file and begins like an SQLite database.
 */
export const locateDatabase = async (mounts: readonly ContainerMount[], asked: string): Promise<string> => {
  const mount = keepable(mounts, plainPath(asked));
  try {
    const { path, root } = await rootOf(mounts, asked);
    const host = await realpath(join(root, posix.relative(mount.destination, path)));
    requireInside(root, host, path);
    await requireDatabase(host, path);
    await requirePlainNeighbours(host, path);
    return host;
  } catch (cause) {
    if (cause instanceof StackBackupError) throw cause;
    if (isMissing(cause))
      throw refuse(
        `there is no ${quoted(asked)} in ${mount.type} ${quoted(mount.name ?? mount.source)}`,
        'Check `path:`; it is a path in the container, below one of its mounts.',
        cause,
      );
    throw unreadable(asked, cause);
  }
};

/**
 * Host path where a database is to be put: as `locateDatabase`, but there may be nothing there yet, or
 * something that is no database any more. Its folder must be there.
 */
export const locatePlace = async (
  mounts: readonly ContainerMount[],
  asked: string,
): Promise<{ readonly host: string; readonly exists: boolean }> => {
  try {
    const { path, mount, root } = await rootOf(mounts, asked);
    const seen = join(root, posix.relative(mount.destination, path));
    const found = await lstat(seen).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    const host =
      found === undefined ? join(await realpath(dirname(seen)), basename(seen)) : await realpath(seen);
    requireInside(root, host, path);
    if (found !== undefined && !(await lstat(host)).isFile())
      throw refuse(`${quoted(path)} is not a regular file`, 'Give the path of the database file itself.');
    await requirePlainNeighbours(host, path);
    return { host, exists: found !== undefined };
  } catch (cause) {
    if (cause instanceof StackBackupError) throw cause;
    if (isMissing(cause))
      throw refuse(
        `the folder of ${quoted(asked)} is not there`,
        'Restore the files of its volume first, or make the folder.',
        cause,
      );
    throw unreadable(asked, cause);
  }
};

const unreadable = (path: string, cause: unknown): StackBackupError =>
  refuse(
    `cannot read ${quoted(path)}: ${errnoOf(cause) ?? 'unknown error'}`,
    'Run as root, or as a user who may read and write the data of the volume.',
    cause,
  );
