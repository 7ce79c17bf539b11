import { readFile, realpath } from 'node:fs/promises';
import { printable } from '../../../snapshot/entries/records.ts';
import { isBelow } from '../../changes/paths.ts';
import { stuck } from '../trouble.ts';
import type { Decisions } from './decisions.ts';

/** `\040` and the like, as the kernel writes what would end a field. */
const unescaped = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Where other file systems are mounted below a folder, relative to it. */
const mountsBelow = async (folder: string): Promise<readonly Buffer[]> => {
  const root = `${Buffer.from(await realpath(folder))
    .toString('latin1')
    .replace(/\/$/, '')}/`;
  const lines = (await readFile('/proc/self/mountinfo', 'latin1')).split('\n');
  const places = lines.map((line) => unescaped(line.split(' ')[4] ?? ''));
  return places
    .filter((place) => place.startsWith(root) && place.length > root.length)
    .map((place) => Buffer.from(place.slice(root.length), 'latin1'));
};

/**
 * Rejects with `copy-failed`, before anything is touched, when something would have to be moved into or out of
 * another file system that is mounted below the target, or a folder be removed or renewed that one is mounted in.
 */
export const assertOneFileSystem = async (
  target: string,
  { make, remove, renew }: Decisions,
  name: string,
): Promise<void> => {
  const mounts = await mountsBelow(target);
  if (mounts.length === 0) return;
  const look = (path: Buffer, isInWay: (mount: Buffer) => boolean): void => {
    const mount = mounts.find(isInWay);
    if (mount === undefined) return;
    throw stuck(
      name,
      `${printable(path)} differs, and another file system is mounted at ${printable(mount)}: nothing can be moved into that or out of it. Unmount it first, or restore other paths`,
    );
  };
  for await (const batch of make.entries())
    for (const { path } of batch) look(path, (mount) => isBelow(path, mount) || path.equals(mount));
  /** It would be moved, with all that is in it. */
  const lookAround = (path: Buffer): void =>
    look(path, (mount) => isBelow(path, mount) || path.equals(mount) || isBelow(mount, path));
  for await (const batch of remove.entries())
    for (const { path, type } of batch) if (type === 'dir') lookAround(path);
  for (const path of renew) if (path.length > 0) lookAround(path);
};
