import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { refused } from '../trouble.ts';
import type { BackSource } from '../types.ts';

/** Each step of a path below the snapshot, itself the last. */
const stepsOf = (path: string): readonly string[] => {
  const parts = path.split('/');
  return parts.map((_, place) => parts.slice(0, place + 1).join('/'));
};

/**
 * Makes sure that what the manifest names of a mount lies in the snapshot's own folder, no link on the way,
 * and is of the kind that it should be. Rejects with `verify-failed`.
 */
export const assertInside = async ({ folder, mount }: BackSource): Promise<void> => {
  const { name, form, path, index, parts } = mount;
  const files = form === 'archive' ? (parts?.map((part) => part.path) ?? [path]) : [];
  for (const one of [index, path, ...files]) {
    if (one.includes('\0') || one.split('/').some((step) => ['', '.', '..'].includes(step)))
      throw refused(name, 'its manifest names a path outside of the snapshot');
    for (const step of stepsOf(one)) {
      const found = await lstat(join(folder, step)).catch(() => undefined);
      if (found === undefined) throw refused(name, `${step} is not in the snapshot`);
      const isEnd = step === one;
      const isFile = isEnd && (one === index || form === 'archive');
      if (isFile ? !found.isFile() : !isEnd && !found.isDirectory())
        throw refused(name, `${step} is not what it should be in the snapshot`);
      if (found.isSymbolicLink()) throw refused(name, `${step} is a link in the snapshot`);
    }
  }
};
