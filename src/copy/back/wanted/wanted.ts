import { basename, dirname } from 'node:path';
import { ascending } from '../../../snapshot/entries/compare.ts';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { readIndexOf } from '../../../snapshot/index-file.ts';
import type { TarLimit } from '../../archive/tar/guard.ts';
import { parentOf } from '../../changes/paths.ts';
import { PathSet } from '../../changes/seen.ts';
import { refused } from '../trouble.ts';
import type { BackSource } from '../types.ts';
import { assertInside } from './inside.ts';
import { LinkCollector, type LinkGroup } from './links.ts';
import type { Narrowing } from './narrow.ts';

type Entries = AsyncGenerator<readonly RecordEntry[], void, void>;

/** What the index of a mount says should be there, once it has been found to make sense. */
export interface Wanted {
  /** Of the root. */
  readonly type: 'dir' | 'file';
  /** Sorted; files with the size and hash of their content, all names of a hard-linked one. */
  entries(): Entries;
  /** Hard-linked files, by each of their names (Latin-1). */
  readonly links: ReadonlyMap<string, LinkGroup>;
  /** The most that an archive of all of it can hold. */
  readonly limit: TarLimit;
}

/** Checks each entry by itself, and that everything lies in a folder of the index. */
class Soundness {
  readonly #name: string;
  readonly #folders = new PathSet();
  #entries = 0;
  #bytes = 0;
  root: RecordEntry['type'] | undefined;

  constructor({ mount }: BackSource) {
    this.#name = mount.name;
  }

  look(entry: RecordEntry): void {
    this.#entries++;
    if (entry.type === 'file' && entry.target === undefined) this.#bytes += entry.size;
    if (entry.mode > 0o7777) throw refused(this.#name, 'its mode is none', entry.path);
    if (entry.type === 'dir') this.#folders.add(entry.path);
    if (entry.path.length === 0) this.root = entry.type;
    if (entry.type === 'symlink' && entry.target === undefined)
      throw refused(this.#name, 'it is a link to nowhere', entry.path);
  }

  /** Of all that was looked at. */
  get limit(): TarLimit {
    return { members: this.#entries, bytes: this.#bytes };
  }

  /** Needs all folders to be known: a folder may come after what lies in it. */
  place({ path }: RecordEntry): void {
    if (path.length > 0 && !this.#folders.has(parentOf(path)))
      throw refused(this.#name, 'what it lies in is not a folder of the snapshot', path);
  }
}

/** Up to so many entries an index is kept in memory: it is read a few times. */
const mostKept = 20_000;

/** What an index says, however often it is asked for. */
const readerOf = (source: BackSource): (() => Entries) => {
  let kept: RecordEntry[][] | undefined;
  return async function* () {
    if (kept !== undefined) {
      yield* kept;
      return;
    }
    const batches: RecordEntry[][] = [];
    let count = 0;
    for await (const batch of indexOf(source)) {
      count += batch.length;
      if (count <= mostKept) batches.push([...batch]);
      yield batch;
    }
    if (count <= mostKept) kept = batches;
  };
};

const indexOf = ({ folder, mount }: BackSource): Entries => {
  const entries = readIndexOf(folder, mount);
  return (async function* () {
    try {
      yield* ascending(entries);
    } catch (thrown) {
      if (thrown instanceof Error && thrown.name === 'StackBackupError') throw thrown;
      throw refused(mount.name, thrown instanceof Error ? thrown.message : String(thrown));
    }
  })();
};

const contentsOf = async (
  index: () => Entries,
  groups: readonly LinkGroup[],
): Promise<ReadonlyMap<string, RecordEntry>> => {
  const contents = new Map<string, RecordEntry>();
  if (groups.length === 0) return contents;
  const carriers = new Set(groups.map(({ carrier }) => carrier));
  for await (const batch of index())
    for (const entry of batch) {
      const name = entry.path.toString('latin1');
      if (entry.type === 'file' && entry.target === undefined && carriers.has(name))
        contents.set(name, entry);
    }
  return contents;
};

/**
 * A file with what the name that carries its bytes says of it. That counts, not what the link says: where
 * somebody wrote to it while it was copied, they may be of two moments.
 */
const filled = (
  name: string,
  entry: RecordEntry,
  contents: ReadonlyMap<string, RecordEntry>,
): RecordEntry => {
  if (entry.type !== 'file') return entry;
  const { target, ...plain } = entry;
  const content = target === undefined ? entry : contents.get(target.toString('latin1'));
  if (content?.sha256 === undefined) throw refused(name, 'its content has no checksum', entry.path);
  if (content === entry) return entry;
  const { size, sha256, mode, uid, gid, mtimeNs, part } = content;
  return { ...plain, size, sha256, mode, uid, gid, mtimeNs, ...(part !== undefined && { part }) };
};

/**
 * Reads the index of a mount and makes sure that it can be put back: whole, sorted, no entry outside a folder
 * of its own, no more than the manifest says. Rejects with `verify-failed`. Memory: some 20 bytes a folder,
 * and what is hard-linked.
 */
export const wantedOf = async (source: BackSource, narrowing: Narrowing): Promise<Wanted> => {
  await assertInside(source);
  const soundness = new Soundness(source);
  const collector = new LinkCollector();
  const { name } = source.mount;
  const index = readerOf(source);
  for await (const batch of index())
    for (const entry of batch) {
      soundness.look(entry);
      narrowing.note(entry);
      const why = narrowing.has(entry) ? collector.add(entry) : undefined;
      if (why !== undefined) throw refused(name, why, entry.path);
    }
  const { root } = soundness;
  if (root !== 'dir' && root !== 'file')
    throw refused(name, 'its index names no folder and no file as its root');
  const groups = collector.groups((path) => narrowing.has({ path }));
  const contents = await contentsOf(index, groups);
  const links = new Map(groups.flatMap((group) => group.names.map((one) => [one, group] as const)));
  return {
    type: root,
    links,
    limit: soundness.limit,
    entries: async function* () {
      for await (const batch of index()) {
        if (root === 'dir') for (const entry of batch) soundness.place(entry);
        yield batch
          .filter((entry) => narrowing.has(entry) || narrowing.isAbove(entry))
          .map((entry) => filled(name, entry, contents));
      }
    },
  };
};

/** A folder, and paths in it as they are; of a file the folder it lies in, and its name for the root's path. */
export const rootedAt = (
  root: string,
  { type }: Pick<Wanted, 'type'>,
): { readonly root: string; at(path: Buffer): Buffer } =>
  type === 'dir'
    ? { root, at: (path) => path }
    : { root: dirname(root), at: () => Buffer.from(basename(root)) };
