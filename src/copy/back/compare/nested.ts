import { readFile, realpath, statfs } from 'node:fs/promises';
import { printable, readRecords } from '../../../snapshot/entries/records.ts';
import { isBelow } from '../../changes/paths.ts';
import { stuck } from '../trouble.ts';
import type { Decisions } from './decisions.ts';

/** `\040` and the like, as the kernel writes what would end a field. */
const unescaped = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Something below a target that names cannot be moved into or out of. */
interface Enclave {
  /** Relative to the target. */
  readonly path: Buffer;
  readonly is: 'mount' | 'subvolume';
}

/** Where other file systems are mounted below a folder. */
const mountsBelow = async (folder: string): Promise<readonly Enclave[]> => {
  const root = `${Buffer.from(await realpath(folder))
    .toString('latin1')
    .replace(/\/$/, '')}/`;
  const lines = (await readFile('/proc/self/mountinfo', 'latin1')).split('\n');
  const places = lines.map((line) => unescaped(line.split(' ')[4] ?? ''));
  return places
    .filter((place) => place.startsWith(root) && place.length > root.length)
    .map((place) => ({ path: Buffer.from(place.slice(root.length), 'latin1'), is: 'mount' }));
};

const btrfs = 0x9123683e;
/** The inode of the root of every subvolume, and of nothing else (Btrfs: BTRFS_FIRST_FREE_OBJECTID). */
const subvolumeRoot = 256n;

/** Subvolumes of Btrfs below a folder, by the records of what is in it: no list of the kernel's names them. */
const subvolumesBelow = async (folder: string, present: string): Promise<readonly Enclave[]> => {
  if ((await statfs(folder)).type !== btrfs) return [];
  const found: Enclave[] = [];
  for await (const batch of readRecords(present))
    for (const { path, type, inode } of batch)
      if (type === 'dir' && inode === subvolumeRoot && path.length > 0)
        found.push({ path: Buffer.from(path), is: 'subvolume' });
  return found;
};

const words = ({ path, is }: Enclave): string =>
  is === 'mount'
    ? `another file system is mounted at ${printable(path)}: nothing can be moved into that or out of it. Unmount it first, or restore other paths`
    : `${printable(path)} is a subvolume of its own: nothing can be moved into that or out of it. Restore other paths`;

/**
 * Rejects with `copy-failed`, before anything is touched, when something would have to be moved into or out of
 * another file system that is mounted below the target, or of a subvolume, or a folder be removed or renewed
 * that there is one in. `present`: the records of what is in the target.
 */
export const assertOneFileSystem = async (
  target: string,
  present: string,
  { make, remove, renew }: Decisions,
  name: string,
): Promise<void> => {
  const enclaves = [...(await mountsBelow(target)), ...(await subvolumesBelow(target, present))];
  if (enclaves.length === 0) return;
  const look = (path: Buffer, isInWay: (enclave: Buffer) => boolean): void => {
    const enclave = enclaves.find((one) => isInWay(one.path));
    if (enclave !== undefined) throw stuck(name, `${printable(path)} differs, and ${words(enclave)}`);
  };
  for await (const batch of make.entries())
    for (const { path } of batch) look(path, (enclave) => isBelow(path, enclave) || path.equals(enclave));
  /** It would be moved, with all that is in it. */
  const lookAround = (path: Buffer): void =>
    look(path, (enclave) => isBelow(path, enclave) || path.equals(enclave) || isBelow(enclave, path));
  for await (const batch of remove.entries())
    for (const { path, type } of batch) if (type === 'dir') lookAround(path);
  for (const path of renew) if (path.length > 0) lookAround(path);
};
