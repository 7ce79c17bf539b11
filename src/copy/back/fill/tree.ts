import { isUtf8 } from 'node:buffer';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, StackBackupError } from '../../../base/errors.ts';
import { run } from '../../../base/process.ts';
import { difference } from '../../../snapshot/entries/compare.ts';
import { type RecordEntry, sortRecords } from '../../../snapshot/entries/records.ts';
import { argumentOf } from '../../changes/paths.ts';
import { complaint } from '../../walk.ts';
import { marksOf, readAttributes } from '../compare/attributes.ts';
import type { Pile } from '../compare/pile.ts';
import { FolderWalk } from '../place/folder-walk.ts';
import type { Attributes } from '../place/headers.ts';
import type { Batch } from '../place/place.ts';
import type { Staging } from '../place/staging.ts';
import { refused, stuck } from '../trouble.ts';
import type { BackSource } from '../types.ts';
import type { Wanted } from '../wanted/wanted.ts';
import { batchBytes, batchEntries, type Filler, type FillGround } from './filler.ts';
import { Patcher } from './patcher.ts';

/** Names of so many files, each as long as can be, fit an argument list. */
const mostArguments = 64;

const typeOf = (path: Buffer): Omit<RecordEntry, 'path' | 'target'> => {
  const found = lstatSync(path, { bigint: true });
  const type = found.isFile()
    ? 'file'
    : found.isDirectory()
      ? 'dir'
      : found.isSymbolicLink()
        ? 'symlink'
        : found.isFIFO()
          ? 'fifo'
          : found.isSocket()
            ? 'socket'
            : found.isBlockDevice()
              ? 'block'
              : 'char';
  return {
    type,
    mode: Number(found.mode) & 0o7777,
    uid: Number(found.uid),
    gid: Number(found.gid),
    size: Number(found.size),
    blocks: Number(found.blocks),
    mtimeNs: found.mtimeNs,
    ctimeNs: found.ctimeNs,
    inode: found.ino,
    links: Number(found.nlink),
  };
};

/** Before a byte of it is read: no link leads out of the tree, and nothing in it is larger than was said. */
export const assertAsIndexed = (entry: RecordEntry, tree: FolderWalk, name: string): void => {
  try {
    const { target: _, ...plain } = entry; // the text of a link cannot do harm before it is followed
    const differs = difference(plain, { ...typeOf(tree.at(entry.path)), path: entry.path });
    if (differs !== undefined) throw refused(name, `${differs} (in the snapshot)`, entry.path);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') throw refused(name, 'it is not in the snapshot', entry.path);
    if (thrown instanceof StackBackupError && thrown.code === 'copy-failed')
      throw refused(name, 'a link stands in its way in the snapshot', entry.path);
    throw thrown;
  }
};

/** Puts back from a plain tree, which `cp` copies: it keeps holes, attributes, sockets, and shares blocks where it can. */
export class TreeFiller implements Filler {
  readonly #source: BackSource;
  readonly #make: Pile;
  readonly #wanted: Wanted;
  readonly #tree: string;

  constructor(source: BackSource, make: Pile, wanted: Wanted) {
    this.#source = source;
    this.#make = make;
    this.#wanted = wanted;
    this.#tree = join(source.folder, source.mount.path);
  }

  async *batches(ground: FillGround): AsyncGenerator<Batch, void, void> {
    const { staging, signal } = ground;
    if (this.#make.count === 0) return;
    this.#make.close();
    await sortRecords(this.#make.file, signal);
    using tree = new FolderWalk(this.#tree);
    const { wholeSince } = this.#source;
    const own = { tree: this.#tree, snapshot: tree, wanted: this.#wanted, wholeSince, make: this.#make };
    const patcher = await Patcher.open({ ...own, ...ground });
    let entries: RecordEntry[] = [];
    let bytes = 0;
    for await (const batch of this.#make.entries())
      for (const entry of batch) {
        // Further names of a file are linked when all is in its place.
        const name = entry.path.toString('latin1');
        if ((this.#wanted.links.get(name)?.names[0] ?? name) !== name) continue;
        if (entry.type !== 'dir') assertAsIndexed(entry, tree, this.#source.mount.name);
        const patched = await patcher.patched(entry);
        if (patched !== undefined) {
          yield patched;
          continue;
        }
        entries.push(entry);
        bytes += entry.type === 'file' ? entry.size : 0;
        if (bytes < batchBytes && entries.length < batchEntries) continue;
        yield await this.#copy(entries, staging, signal);
        entries = [];
        bytes = 0;
      }
    if (entries.length > 0) yield await this.#copy(entries, staging, signal);
  }

  async #copy(
    entries: readonly RecordEntry[],
    staging: Staging,
    signal: AbortSignal | undefined,
  ): Promise<Batch> {
    const name = staging.batch();
    const copied = entries.filter(({ type }) => type !== 'dir');
    if (copied.length > 0) {
      const cp = ['cp', '-a', '--preserve=xattr', '--parents', '-t', join(staging.path, name), '--'];
      const names = copied.map(({ path }) => argumentOf(path));
      const isPlain = names.length <= mostArguments && names.every((one) => isUtf8(one));
      // xargs hands on names in any bytes; an argument list of Node's has to be UTF-8.
      const command = isPlain
        ? [...cp, ...names.map((one) => one.toString('utf8', 0, one.length - 1))]
        : ['xargs', '-0', '-x', '-s', '1000000', '-r', ...cp];
      const result = await run(command, {
        cwd: this.#tree,
        env: { LC_ALL: 'C' },
        ...(isPlain ? {} : { input: Buffer.concat(names) }),
        ...(signal && { signal }),
      });
      const why = complaint(result);
      if (why !== undefined) throw stuck(this.#source.mount.name, why);
    }
    return { name, entries };
  }

  isContent(entry: RecordEntry, sha256: string): boolean {
    return entry.sha256 === sha256;
  }

  marks(entries: readonly RecordEntry[], signal: AbortSignal | undefined): Promise<readonly boolean[]> {
    return marksOf(this.#tree, this.#wanted.type, entries, signal);
  }

  async attributes(folders: AsyncIterable<readonly RecordEntry[]>): Promise<ReadonlyMap<string, Attributes>> {
    return (await readAttributes(this.#tree, folders, this.#source.mount.name)).all;
  }
}
