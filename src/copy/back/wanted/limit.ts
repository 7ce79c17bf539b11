import { stat } from 'node:fs/promises';
import { mostUnpacked } from '../../../snapshot/manifest/most.ts';
import type { ManifestMount } from '../../../snapshot/types.ts';
import type { TarLimit } from '../../archive/tar/guard.ts';
import type { Wanted } from './wanted.ts';

/**
 * The most that one of the files of an archive (absolute paths) can hold. Only the last one has nothing but what the
 * index names: earlier ones keep what was replaced since.
 */
export const limitOf = async (
  mount: ManifestMount,
  files: readonly string[],
  part: number,
  { limit }: Pick<Wanted, 'limit'>,
): Promise<TarLimit> => {
  const unpacked = mostUnpacked(mount, (await stat(files[part] ?? '')).size);
  return part === files.length - 1 ? { ...limit, unpacked } : { unpacked };
};
