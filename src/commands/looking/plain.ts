import { lstat } from 'node:fs/promises';
import type { ResolvedSnapshot } from '../../catalog/reference.ts';
import { sumsOf } from '../../snapshot/inside/sums.ts';
import { manifestName, sumsName } from '../../snapshot/layout.ts';

/** A file or a folder that lies in a snapshot beside the mounts. */
export interface PlainEntry {
  /** Below the snapshot. */
  readonly path: Buffer;
  readonly type: 'file' | 'dir';
  readonly size: number;
}

const sizeOf = (folder: string, path: Buffer): Promise<number> =>
  lstat(Buffer.concat([Buffer.from(`${folder}/`), path])).then(
    ({ size }) => size,
    () => 0,
  );

/** What SHA256SUMS has at a path and in it; empty when there is nothing of it. */
export const plainEntries = async (
  { folder }: ResolvedSnapshot,
  at: Buffer,
  all: boolean,
): Promise<readonly PlainEntry[]> => {
  const name = at.toString('latin1');
  if (name === manifestName || name === sumsName)
    return [{ path: at, type: 'file', size: await sizeOf(folder, at) }];
  const sums = await sumsOf(folder, (path) => path === name || path.startsWith(`${name}/`));
  const found = new Map<string, PlainEntry>();
  for (const path of sums.keys()) {
    const end = all || path === name ? -1 : path.indexOf('/', name.length + 1);
    const bytes = Buffer.from(end === -1 ? path : path.slice(0, end), 'latin1');
    if (end === -1) found.set(path, { path: bytes, type: 'file', size: await sizeOf(folder, bytes) });
    else found.set(path.slice(0, end), { path: bytes, type: 'dir', size: 0 });
  }
  return [...found.values()].sort((a, b) => a.path.compare(b.path));
};
