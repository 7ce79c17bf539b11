import { createHash, randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { removeTree } from '../../../base/disk.ts';
import { FolderWalk, forOthers, mountOf } from './folder-walk.ts';

/** Working folders of one target, whoever left them. */
const prefixOf = (target: string): string =>
  `.stack-backup-${createHash('sha256').update(basename(target)).digest('hex').slice(0, 8)}-`;

/** Whether names can be moved between two folders: not from one mount to another, nor out of a subvolume. */
const onePlace = (a: string, b: string): boolean => {
  const [one, two] = [openSync(a, constants.O_RDONLY), openSync(b, constants.O_RDONLY)];
  try {
    return mountOf(one) === mountOf(two) && fstatSync(one).dev === fstatSync(two).dev;
  } finally {
    closeSync(one);
    closeSync(two);
  }
};

/** Beside the target no container sees it; inside only where the target is a mount of its own. */
const folderFor = (target: string): string => {
  const beside = dirname(target);
  if (beside === target) return target;
  try {
    accessSync(beside, constants.W_OK | constants.X_OK);
    return onePlace(beside, target) ? beside : target;
  } catch {
    return target;
  }
};

/** Removes what a run that was killed has left. Only folders of ours: their name and their owner say so. */
const removeLeft = async (target: string): Promise<void> => {
  const prefix = prefixOf(target);
  for (const folder of new Set([dirname(target), target])) {
    if (!lstatSync(folder).isDirectory()) continue; // a bind may be a file
    for (const name of readdirSync(folder)) {
      if (!name.startsWith(prefix)) continue;
      const found = lstatSync(join(folder, name));
      if (found.isDirectory() && found.uid === process.geteuid?.()) await removeTree(join(folder, name));
    }
  }
};

/** Removes a folder of ours. A few empty folders and files are gone sooner than a program is started. */
export const discard = async (path: string, isLarge: boolean): Promise<void> => {
  try {
    if (!isLarge) return rmSync(path, { recursive: true, force: true });
  } catch {
    // what cannot be removed that way `rm` tells of
  }
  await removeTree(path);
};

/**
 * A private folder from which names can be moved into the target in one step: what is put back is made and
 * checked there first. It is reached through its handle alone: whoever owns the folder it lies in may move
 * it. Removed, with all that was moved into it, when it is disposed of.
 */
export class Staging implements AsyncDisposable {
  readonly #path: string;
  readonly walk: FolderWalk;
  #trash: FolderWalk;
  #batches = 0;
  #trashed = 0;
  /** Folders of any size may be in it. */
  #isLarge = false;

  private constructor(path: string) {
    this.#path = path;
    mkdirSync(path, { mode: 0o700 });
    this.walk = new FolderWalk(path);
    this.#trash = this.#makeTrash();
  }

  static async open(target: string): Promise<Staging> {
    await removeLeft(target);
    return new Staging(join(folderFor(target), prefixOf(target) + randomBytes(6).toString('hex')));
  }

  /** For other processes, too. */
  get path(): string {
    return forOthers(this.walk.root);
  }

  #makeTrash(): FolderWalk {
    mkdirSync(join(this.path, 'trash'), { mode: 0o700 });
    return new FolderWalk(join(this.path, 'trash'));
  }

  /** A new empty folder, named relative to the staging folder. */
  batch(): string {
    const name = `batch-${this.#batches++}`;
    mkdirSync(join(this.path, name), { mode: 0o700 });
    return name;
  }

  /** A free name, to move there what is thrown away. */
  grave(): Buffer {
    this.#isLarge = true;
    return this.#trash.at(Buffer.from(String(this.#trashed++)));
  }

  /** Gives back the room of what was thrown away. */
  async empty(): Promise<void> {
    if (this.#trashed === 0) return;
    this.#trash[Symbol.dispose]();
    await removeTree(join(this.path, 'trash'));
    this.#trash = this.#makeTrash();
    this.#trashed = 0;
    this.#isLarge = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#trash[Symbol.dispose]();
    this.walk[Symbol.dispose]();
    await discard(this.#path, this.#isLarge);
  }
}
