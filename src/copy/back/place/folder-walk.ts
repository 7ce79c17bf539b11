import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { errnoOf } from '../../../base/errors.ts';
import { printable } from '../../../snapshot/entries/records.ts';
import { isBelow, parentOf } from '../../changes/paths.ts';
import { stuck } from '../trouble.ts';

/** Linux: a handle that stands for a folder and needs no right to list it. Node has no name for it. */
const onlyPath = 0o10000000;
const folderFlags = onlyPath | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** A path that leads to what this handle stands for, wherever that lies now. */
export const throughHandle = (fd: number, name?: Buffer): Buffer =>
  name === undefined
    ? Buffer.from(`/proc/self/fd/${fd}`)
    : Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), name]);

/** The same for other processes of this machine. */
export const forOthers = (fd: number): string => `/proc/${process.pid}/fd/${fd}`;

const nameOf = (path: Buffer): Buffer => path.subarray(path.lastIndexOf(0x2f) + 1);

/**
 * Names below a root that no link leads out of, whoever changes the tree meanwhile: each folder on the way
 * is opened from the handle of the one above it, and none that is a link. Handles of the last path are kept,
 * so paths should come in an order that keeps neighbours together. Linux alone (as is the rest of the host way).
 */
export class FolderWalk implements Disposable {
  readonly #name: string;
  readonly root: number;
  /** From the top down. */
  #open: { readonly path: Buffer; readonly fd: number }[] = [];

  constructor(root: string | Buffer) {
    this.#name = root.toString();
    this.root = openSync(root, folderFlags);
  }

  /** The path of an entry through the handle of its folder. Throws with ENOENT when a folder above it is missing. */
  at(path: Buffer): Buffer {
    return path.length === 0
      ? throughHandle(this.root, Buffer.from('.'))
      : throughHandle(this.folder(parentOf(path)), nameOf(path));
  }

  /** The handle of a folder. */
  folder(path: Buffer): number {
    if (path.length === 0) return this.root;
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      if (last.path.equals(path)) return last.fd;
      if (isBelow(path, last.path)) break;
      this.#drop();
    }
    const above = this.#open.at(-1);
    let at = above === undefined ? 0 : above.path.length + 1;
    let fd = above?.fd ?? this.root;
    while (at <= path.length) {
      const slash = path.indexOf(0x2f, at);
      const end = slash === -1 ? path.length : slash;
      fd = this.#enter(fd, path.subarray(at, end), path.subarray(0, end));
      this.#open.push({ path: Buffer.from(path.subarray(0, end)), fd });
      at = end + 1;
    }
    return fd;
  }

  /** A handle of its own for a folder; whoever asked closes it. */
  handle(path: Buffer): number {
    if (path.length === 0) return this.#enter(this.root, Buffer.from('.'), path);
    return this.#enter(this.folder(parentOf(path)), nameOf(path), path);
  }

  /** A handle for something else, which is not opened; whoever asked closes it. Never what a link leads to. */
  file(path: Buffer): number {
    return openSync(this.at(path), onlyPath | constants.O_NOFOLLOW);
  }

  #enter(fd: number, name: Buffer, path: Buffer): number {
    try {
      return openSync(throughHandle(fd, name), folderFlags);
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') throw thrown;
      throw stuck(this.#name, `${printable(path)} is no folder, or cannot be entered`, thrown);
    }
  }

  /** Forgets handles: a folder was moved, or put in the place of another. */
  forget(): void {
    while (this.#open.length > 0) this.#drop();
  }

  #drop(): void {
    const last = this.#open.pop();
    if (last !== undefined) closeSync(last.fd);
  }

  [Symbol.dispose](): void {
    this.forget();
    closeSync(this.root);
  }
}

/** Which mount of this machine a handle lies in: names can be moved within one alone. */
export const mountOf = (fd: number): string =>
  /^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '';
