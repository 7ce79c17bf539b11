import { linkSync, lstatSync, mkdirSync, renameSync, unlinkSync } from 'node:fs';
import { errnoOf, messageOf, StackBackupError } from '../../../base/errors.ts';
import { printable, type RecordEntry } from '../../../snapshot/entries/records.ts';
import { isBelow, parentOf } from '../../changes/paths.ts';
import { stuck } from '../trouble.ts';
import type { FolderWalk } from './folder-walk.ts';
import type { Staging } from './staging.ts';

/** What came to be in one batch folder of the staging. */
export interface Batch {
  /** The name of its folder below the staging. */
  readonly name: string;
  /** Folders are not made there, except those that something lies in. */
  readonly entries: readonly RecordEntry[];
  /** Each byte of it was read again already, and is what the index says. */
  readonly isProved?: true;
}

/** Folders before what lies in them, and neighbours together. */
const topDown = (entries: readonly RecordEntry[]): readonly RecordEntry[] => {
  const keyed = entries.map((entry) => ({ entry, key: entry.path.toString('latin1').replaceAll('/', '\0') }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ entry }) => entry);
};

const isDir = (path: Buffer): boolean => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** Moves what was made and checked into the target, name by name; a new folder with all that is in it at once. */
export class Placer {
  readonly #target: FolderWalk;
  readonly #staging: Staging;
  readonly #name: string;

  constructor(target: FolderWalk, staging: Staging, name: string) {
    this.#target = target;
    this.#staging = staging;
    this.#name = name;
  }

  place({ name, entries }: Batch): void {
    const from = (path: Buffer): Buffer =>
      this.#staging.walk.at(Buffer.concat([Buffer.from(`${name}/`), path]));
    let moved: Buffer | undefined;
    for (const { path, type } of topDown(entries))
      this.#guarded(path, () => {
        if (!isBelow(path, moved)) moved = this.#makeAbove(path, from) ?? moved;
        if (type === 'dir') moved = this.#folder(path, from) ?? moved;
        else if (!isBelow(path, moved)) this.#file(path, from);
      });
    this.#staging.walk.forget();
  }

  #guarded<T>(path: Buffer, work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      if (thrown instanceof StackBackupError) throw thrown;
      throw stuck(this.#name, `${printable(path)}: ${messageOf(thrown)}`, thrown);
    }
  }

  /**
   * What stands in its place goes first: where ext4 has to put one file over another, it begins to write the new one
   * to disk, which takes longer than all the rest. Killed in between, the next attempt finds that it is not there.
   */
  #file(path: Buffer, from: (path: Buffer) => Buffer): void {
    const place = this.#target.at(path);
    try {
      unlinkSync(place);
    } catch (thrown) {
      if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    }
    renameSync(from(path), place);
  }

  /** Resolves with the folder, if it was moved. It may be there: something in it had its turn before. */
  #folder(path: Buffer, from: (path: Buffer) => Buffer): Buffer | undefined {
    const place = this.#target.at(path);
    if (isDir(place)) return undefined;
    if (this.#move(path, from)) return path;
    mkdirSync(place, { mode: 0o700 });
    return undefined;
  }

  /** The same with what is missing above an entry; its own metadata comes at the end, as that of all folders. */
  #makeAbove(path: Buffer, from: (path: Buffer) => Buffer): Buffer | undefined {
    const missing = this.#missingAbove(path);
    if (missing === undefined) return undefined;
    if (this.#move(missing, from)) return missing;
    mkdirSync(this.#target.at(missing), { mode: 0o700 });
    return this.#makeAbove(path, from);
  }

  /** False when the staging has no such folder. */
  #move(path: Buffer, from: (path: Buffer) => Buffer): boolean {
    try {
      renameSync(from(path), this.#target.at(path));
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') return false;
      throw thrown;
    }
    this.#staging.walk.forget();
    return true;
  }

  /** The topmost folder above an entry that is not in the target yet: its own turn comes later. */
  #missingAbove(path: Buffer): Buffer | undefined {
    let missing: Buffer | undefined;
    for (let above = parentOf(path); above.length > 0; above = parentOf(above)) {
      try {
        this.#target.folder(above);
        break;
      } catch (thrown) {
        if (errnoOf(thrown) !== 'ENOENT') throw thrown;
        missing = above;
      }
    }
    return missing;
  }

  /** Gives the first of some names of a file to the others; what stands there is replaced. */
  link(names: readonly string[]): void {
    const [first, ...others] = names.map((name) => Buffer.from(name, 'latin1'));
    if (first === undefined) return;
    for (const other of others)
      this.#guarded(other, () => {
        const waiting = this.#staging.grave();
        linkSync(this.#target.at(first), waiting);
        renameSync(waiting, this.#target.at(other));
      });
  }
}
