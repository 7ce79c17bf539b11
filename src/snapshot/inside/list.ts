import type { RecordEntry } from '../entries/records.ts';
import { readIndexOf } from '../index-file.ts';
import type { ManifestMount } from '../types.ts';

const slash = 0x2f;

const isBelow = (path: Buffer, folder: Buffer): boolean =>
  folder.length === 0
    ? path.length > 0
    : path.length > folder.length + 1 &&
      path[folder.length] === slash &&
      path.subarray(0, folder.length).equals(folder);

/**
 * What a mount has at a path, from its index alone: first the entry itself, then what lies in it (`all`: at
 * any depth), in the order of the index. Nothing at all when there is no such entry. Constant memory.
 */
export async function* listMount(
  folder: string,
  mount: ManifestMount,
  at: Buffer,
  all: boolean,
): AsyncGenerator<readonly RecordEntry[], void, void> {
  const start = at.length === 0 ? 0 : at.length + 1;
  for await (const batch of readIndexOf(folder, mount)) {
    const wanted = batch.filter(
      ({ path }) => path.equals(at) || (isBelow(path, at) && (all || !path.subarray(start).includes(slash))),
    );
    if (wanted.length > 0) yield wanted;
  }
}

/** The entry at a path of a mount; undefined when there is none. */
export const entryAt = async (
  folder: string,
  mount: ManifestMount,
  at: Buffer,
): Promise<RecordEntry | undefined> => {
  for await (const batch of readIndexOf(folder, mount))
    for (const entry of batch) if (entry.path.equals(at)) return entry;
  return undefined;
};
