import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

const contentOf = async (path: string, isFile: boolean, isLink: boolean): Promise<string> => {
  if (isLink) return await readlink(path);
  return isFile
    ? createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
    : '';
};

const lineOf = async (folder: string, name: string, shared: boolean): Promise<string> => {
  const path = join(folder, name);
  const stats = await lstat(path, { bigint: true });
  const content = await contentOf(path, stats.isFile(), stats.isSymbolicLink());
  const { mode, uid, gid, size, mtimeNs, ctimeNs, ino } = stats;
  const changed = shared ? '' : ctimeNs;
  return [name, mode.toString(8), uid, gid, size, mtimeNs, changed, ino, content].join(' ');
};

/**
 * Everything about a file or a folder and what is in it, a line each: names, modes, owners, sizes, times
 * (the change of anything moves ctime), content. `undefined` when there is nothing. Two equal answers mean
 * that nobody wrote there. With `shared` but for ctime: making and removing a further name of a file moves it.
 */
export const fingerprint = async (
  folder: string,
  { shared = false }: { readonly shared?: boolean } = {},
): Promise<readonly string[] | undefined> => {
  const top = await lstat(folder).catch(() => undefined);
  if (top === undefined) return undefined;
  const names = top.isDirectory() ? await readdir(folder, { recursive: true }) : [];
  const lines: string[] = [];
  for (const name of ['', ...names.sort()]) lines.push(await lineOf(folder, name, shared));
  return lines;
};
