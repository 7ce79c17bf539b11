import { dirname } from 'node:path';
import { freeSpace } from '../../base/disk.ts';
import { StackBackupError } from '../../base/errors.ts';
import { formatBytes } from '../../base/text/amount.ts';
import type { IntoData, IntoPlan } from '../../plan/into/types.ts';

/** What lies beside the data: folders, blocks that are not full. */
const overhead = 1.05;

const bytesOf = (data: readonly IntoData[], kind: IntoData['to']['kind']): number =>
  data.filter(({ to }) => to.kind === kind).reduce((sum, { mount }) => sum + mount.bytes, 0);

/**
 * Room for the data of a new project: its volumes where the engine has them (`rootDir`), its binds beside its
 * folder, which may be one disk. Rejects with `space-short` before anything is made.
 */
export const assertRoom = async (
  { data, folder }: Pick<IntoPlan, 'data' | 'folder'>,
  rootDir: string,
): Promise<void> => {
  const places = [
    { path: rootDir, bytes: bytesOf(data, 'volume') },
    { path: dirname(folder), bytes: bytesOf(data, 'bind') },
  ].filter(({ bytes }) => bytes > 0);
  const known = await Promise.all(
    places.map(async (place) => ({ ...place, free: await freeSpace(place.path) })),
  );
  for (const [, all] of Map.groupBy(known, ({ free }) => free.device)) {
    const needed = all.reduce((sum, { bytes }) => sum + bytes, 0) * overhead;
    const [first] = all;
    if (first === undefined || first.free.bytes > needed) continue;
    throw new StackBackupError(
      'space-short',
      `the new project needs ${formatBytes(needed)} in ${all.map(({ path }) => path).join(' and ')}, where ${formatBytes(first.free.bytes)} are free`,
      { next: 'Free space there; binds go where --folder says.' },
    );
  }
};
