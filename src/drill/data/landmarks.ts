import { readIndexOf } from '../../snapshot/index-file.ts';
import type { ManifestMount } from '../../snapshot/types.ts';

/** What the index of a copy tells about it. */
export interface Landmarks {
  /** The copy is one file, not a folder. */
  readonly isSingle: boolean;
  /** It holds the data of a PostgreSQL server, at its root or up to two folders below. */
  readonly holdsPostgres: boolean;
}

/** A cluster's folder has this file; a table's name never is it. */
const mark = /^(?:[^/]+\/){0,2}PG_VERSION$/;

/** Reads what a copy is from its index alone. */
export const landmarksOf = async (folder: string, mount: ManifestMount): Promise<Landmarks> => {
  let isSingle = false;
  for await (const batch of readIndexOf(folder, mount))
    for (const { path, type } of batch) {
      if (path.length === 0) isSingle = type !== 'dir';
      else if (type === 'file' && mark.test(path.toString('latin1')))
        return { isSingle, holdsPostgres: true };
    }
  return { isSingle, holdsPostgres: false };
};
