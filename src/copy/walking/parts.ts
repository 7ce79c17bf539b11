import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** So many folders make two shares about equal; fewer are looked into once more. */
const enoughFolders = 16;
const mostDepth = 3;
/** Reading more than this to find out how to share the work costs what sharing saves. */
const mostEntries = 4_000;

/** Folders of a tree that can be walked on their own. */
export interface Parts {
  /** How deep below the root they lie, all of them; 1 is right below it. */
  readonly depth: number;
  /** Paths below the root. */
  readonly folders: readonly string[];
}

/** A name that `find` takes for a path, not for an expression, and that Node can hand over unchanged. */
const isPlain = (name: Buffer): boolean =>
  !/^[-(),!]/.test(name.toString('latin1')) && Buffer.from(name.toString('utf8')).equals(name);

interface Level {
  readonly folders: readonly string[];
  readonly entries: number;
}

/** The folders right below some; undefined when there is a name among them that cannot be passed on. */
const levelBelow = async (root: string, above: readonly string[]): Promise<Level | undefined> => {
  const folders: string[] = [];
  let entries = 0;
  for (const folder of above) {
    const found = await readdir(join(root, folder), { withFileTypes: true, encoding: 'buffer' });
    entries += found.length;
    if (entries > mostEntries) return undefined;
    for (const entry of found) {
      if (!entry.isDirectory()) continue;
      if (!isPlain(entry.name)) return undefined;
      folders.push(folder === '' ? entry.name.toString() : `${folder}/${entry.name.toString()}`);
    }
  }
  return { folders, entries };
};

/**
 * The folders by which a tree can be shared out among processes; undefined when it is flat, or cannot be read:
 * whoever walks it as a whole will say why.
 */
export const partsOf = async (root: string): Promise<Parts | undefined> => {
  let above: readonly string[] = [''];
  let read = 0;
  try {
    for (let depth = 1; depth <= mostDepth; depth++) {
      const level = await levelBelow(root, above);
      read += level?.entries ?? mostEntries + 1;
      if (level === undefined || read > mostEntries || level.folders.length === 0) return undefined;
      const { folders } = level;
      if (folders.length >= enoughFolders || (depth === mostDepth && folders.length > 1))
        return { depth, folders };
      above = folders;
    }
  } catch {
    return undefined;
  }
  return undefined;
};
