import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Manifest } from '../snapshot/types.ts';
import { type CatalogEntry, readCatalog } from './catalog.ts';

const factsOf = async (folder: string, path: Buffer) => {
  try {
    return await lstat(Buffer.concat([Buffer.from(`${folder}/`), path]), { bigint: true });
  } catch {
    return undefined; // not there: nothing is shared
  }
};

/** The snapshots that share blocks with one another: those that name it as their base, and theirs, both ways. */
const related = (catalog: readonly CatalogEntry[], name: string): ReadonlySet<string> => {
  const basesOf = (manifest: Manifest | undefined): readonly string[] =>
    manifest?.mounts.flatMap(({ base }) => base ?? []) ?? [];
  const family = new Set([name]);
  for (let before = 0; before !== family.size; ) {
    before = family.size;
    for (const one of catalog) {
      const bases = basesOf(one.manifest);
      if (family.has(one.name)) for (const base of bases) family.add(base);
      else if (bases.some((base) => family.has(base))) family.add(one.name);
    }
  }
  return family;
};

/**
 * The other snapshots beside this one that hold one of these files (paths below the snapshot) as well: as the
 * same inode, or, as far as size and time can tell, in the same blocks. What is damaged here is damaged there.
 */
export const sharersOf = async (snapshot: string, paths: readonly Buffer[]): Promise<readonly string[]> => {
  const catalog = await readCatalog(dirname(snapshot));
  const own = catalog.find(({ path }) => path === snapshot);
  const family = related(catalog, own?.name ?? '');
  const found = new Set<string>();
  for (const path of paths) {
    const here = await factsOf(snapshot, path);
    if (here === undefined) continue;
    for (const other of catalog) {
      if (other.path === snapshot || found.has(other.name)) continue;
      const there = await factsOf(other.path, path);
      if (there === undefined || there.dev !== here.dev) continue;
      const isSame = there.ino === here.ino;
      const isAlike = family.has(other.name) && there.size === here.size && there.mtimeNs === here.mtimeNs;
      if (isSame || isAlike) found.add(other.name);
    }
  }
  return [...found].sort();
};
