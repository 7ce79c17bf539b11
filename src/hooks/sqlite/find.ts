import { open } from 'node:fs/promises';
import { posix, relative } from 'node:path';
import { run } from '../../base/process.ts';
import type { Mount, Stack } from '../../stack/types.ts';

/** Deeper trees are somebody's files, not a program's database. */
const depth = '5';
const limitMs = 10_000;
const magic = 'SQLite format 3\0';
const names = ['*.db', '*.db3', '*.sqlite', '*.sqlite3'].flatMap((name, at) =>
  at === 0 ? ['-name', name] : ['-o', '-name', name],
);

const isSqlite = async (path: string): Promise<boolean> => {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(magic.length), 0, magic.length, 0);
    return buffer.toString('latin1', 0, bytesRead) === magic;
  } catch {
    return false;
  }
};

const candidates = async (mount: Mount): Promise<readonly string[]> => {
  const found = await run(
    ['find', mount.source, '-xdev', '-maxdepth', depth, '-type', 'f', '(', ...names, ')', '-print0'],
    { timeoutMs: limitMs },
  ).catch(() => undefined);
  return (found?.stdout.toString('utf8') ?? '').split('\0').filter((path) => path !== '');
};

/**
 * SQLite databases that lie in the stack's mounts, by the name their file has and the header it begins
 * with: proposals for `init`, not a promise to have found all. `path` is the path in the container.
 */
export const sqliteFiles = async (
  stack: Stack,
): Promise<readonly { readonly service: string; readonly path: string }[]> => {
  const files: { service: string; path: string }[] = [];
  for (const mount of stack.mounts) {
    const user = mount.users.find((one) => one.writable);
    if (!mount.onHost || user === undefined) continue;
    for (const path of await candidates(mount))
      if (await isSqlite(path))
        files.push({
          service: user.service,
          path: posix.join(user.destination, relative(mount.source, path)),
        });
  }
  return files;
};
