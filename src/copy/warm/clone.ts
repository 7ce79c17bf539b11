import { randomUUID } from 'node:crypto';
import { constants, copyFile, lstat, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../../base/process.ts';
import { gentle } from '../gentle.ts';
import type { Cloning } from '../large/copy-command.ts';
import { complaint } from '../walk.ts';

/** Whether files of this folder can share their blocks (XFS, Btrfs): tried, because no flag tells. */
export const canReflink = async (folder: string): Promise<boolean> => {
  const from = join(folder, `reflink-${randomUUID()}`);
  const to = `${from}.to`;
  try {
    await writeFile(from, Buffer.alloc(4096, 1));
    return await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE).then(
      () => true,
      () => false,
    );
  } finally {
    await Promise.all([rm(from, { force: true }), rm(to, { force: true })]);
  }
};

/**
 * From this size on a file of which a part has changed is cloned and patched where it can be. Smaller ones go
 * into an archive (`Capture`), which costs less than any file of its own.
 */
const patchedBytes = 1024 * 1024;

/**
 * How the large files of a source can share blocks in `copy`. `reflink`: the file system of that can. A
 * source on the same file system needs no earlier copy: `cp` shares its own blocks.
 */
export const cloningOf = async (
  source: string,
  copy: string,
  reflink: boolean,
): Promise<Cloning | undefined> => {
  if (!reflink) return undefined;
  const [from, to] = await Promise.all([stat(source), stat(dirname(copy))]);
  return from.dev === to.dev ? { from: 'source' } : { from: 'earlier', copy, leastBytes: patchedBytes };
};

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/**
 * Makes `copy` out of the tree of an earlier snapshot without copying a byte: files share their blocks where
 * the file system can, else their inodes. Folders are new ones. `why` says what kept it from being made whole.
 */
export const cloneTree = async (
  tree: string,
  copy: string,
  options: { readonly reflink: boolean; readonly signal?: AbortSignal },
): Promise<{ readonly why: string | undefined }> => {
  if (!(await isThere(tree))) return { why: `${tree} is gone` };
  const share = options.reflink ? '--reflink=always' : '--link';
  const result = await run(await gentle(['cp', '-a', '--preserve=xattr', share, '-T', '--', tree, copy]), {
    env: { LC_ALL: 'C' },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return { why: complaint(result) };
};
