import { randomUUID } from 'node:crypto';
import { lstat, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../base/process.ts';
import { gentle } from '../gentle.ts';
import { complaint } from '../walk.ts';

/** Whether files of this folder can share their blocks (XFS, Btrfs): tried, because no flag tells. */
export const canReflink = async (folder: string): Promise<boolean> => {
  const from = join(folder, `reflink-${randomUUID()}`);
  const to = `${from}.to`;
  try {
    await writeFile(from, Buffer.alloc(4096, 1));
    return (await run(['cp', '--reflink=always', '--', from, to])).exitCode === 0;
  } finally {
    await Promise.all([rm(from, { force: true }), rm(to, { force: true })]);
  }
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
