import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolderIn } from '../base/disk.ts';
import { StackBackupError } from '../base/errors.ts';
import type { Checksum, ChecksumWriter } from '../snapshot/checksums.ts';
import { difference, isTimeCutShort, sideBySide } from '../snapshot/entries/compare.ts';
import { printable, type RecordEntry, readRecords, sortRecords } from '../snapshot/entries/records.ts';
import type { FileHasher, Hashed, HashRequest } from '../snapshot/hashing.ts';
import { readIndex, writeIndex } from '../snapshot/index-file.ts';
import { indexPath, sourceRecordsPath } from '../snapshot/layout.ts';
import { finishArchive } from './archive/finish.ts';
import { finishParts } from './archive/finish-parts.ts';
import { applyCaptured } from './changes/apply.ts';
import { below } from './changes/paths.ts';
import { Differences } from './differences.ts';
import { isShared } from './shared.ts';
import type { Copied, CopyResult } from './types.ts';
import { recordWalk, TreeCount } from './walk.ts';
import type { HashedAhead } from './warm/ahead.ts';
import type { Base } from './warm/types.ts';

export interface FinishOptions {
  /** Absolute folder of the snapshot being written. */
  readonly snapshot: string;
  /** Receives a line for every regular file of a tree. */
  readonly sums: ChecksumWriter;
  /** Somebody kept writing to the source: differences are warnings, and the copy is what counts. */
  readonly live?: boolean;
  readonly signal?: AbortSignal;
  /** Hashes files below `snapshot`, for all mounts. */
  readonly hasher: FileHasher;
  /** What was hashed before the services were back. */
  readonly ahead?: HashedAhead | undefined;
}

/** One entry of the copy, with what the source says where that is what counts later. */
interface Kept {
  readonly entry: RecordEntry;
  /** Inode of the copy: its hard links share it, and are hashed once. */
  readonly inode: bigint;
  readonly links: number;
  /** The hash of this very file of the copy, where it was begun ahead. */
  readonly coming: Promise<string | undefined> | undefined;
}

/** What the source says where that is what a later snapshot compares with; the content is the copy's. */
const keep = (
  source: RecordEntry | undefined,
  copy: RecordEntry,
  sha256: string | undefined,
  ahead: HashedAhead | undefined,
): Kept => {
  const { inode, ctimeNs, links, size } = source ?? copy;
  const own = copy.type === 'dir' ? { inode, ctimeNs, links, size } : { inode, ctimeNs, links };
  return {
    entry: { ...copy, ...own, ...(sha256 === undefined ? {} : { sha256 }) },
    inode: copy.inode,
    // Not the copy's: what it shares with earlier snapshots is no link within the tree.
    links,
    coming: sha256 === undefined ? ahead?.of(copy) : undefined,
  };
};

/** One path of the copy, compared with the source's; undefined when the copy has no such path. */
const compared = (
  expected: RecordEntry | undefined,
  found: RecordEntry | undefined,
  sha256: string | undefined,
  differences: Differences,
  ahead: HashedAhead | undefined,
): Kept | undefined => {
  if (found === undefined) {
    differences.found(expected?.path ?? Buffer.alloc(0), 'it is not in the copy');
    return undefined;
  }
  const differs = expected === undefined ? 'it was not in the source' : difference(expected, found);
  if (expected !== undefined && differs !== undefined && isTimeCutShort(expected, found))
    differences.timesCut = true;
  else if (differs !== undefined) differences.found(found.path, differs);
  return keep(expected, found, sha256, ahead);
};

/** Names of one file in the source must be names of one file in the copy, and of no other. */
class Links {
  readonly #differences: Differences;
  readonly #copyOf = new Map<string, bigint>();
  readonly #sourceOf = new Map<bigint, string>();

  constructor(differences: Differences) {
    this.#differences = differences;
  }

  check({ entry, inode }: Kept): void {
    // Where another file system is mounted below, inode numbers may meet; with the time they hardly do.
    const source = `${entry.inode} ${entry.ctimeNs}`;
    if ((this.#copyOf.get(source) ?? inode) !== inode || (this.#sourceOf.get(inode) ?? source) !== source)
      this.#differences.found(entry.path, 'its hard links are others');
    this.#copyOf.set(source, inode);
    this.#sourceOf.set(inode, source);
  }
}

/** The hash that an earlier snapshot has of a file that has not changed since. */
const knownHash = (
  expected: RecordEntry | undefined,
  earlier: RecordEntry | undefined,
  settled: bigint,
): string | undefined =>
  expected !== undefined && earlier?.sha256 !== undefined && isShared(expected, earlier, settled)
    ? earlier.sha256
    : undefined;

async function* nothing(): AsyncGenerator<readonly RecordEntry[], void, void> {}

/**
 * What has to be hashed, in order: every regular file, of hard-linked ones the first name, and none that is
 * shared with an earlier snapshot.
 */
async function* requestsOf(
  source: string,
  copy: string,
  base: Base | undefined,
  root: string,
  differences: Differences,
  ahead: HashedAhead | undefined,
): AsyncGenerator<readonly HashRequest<Kept>[], void, void> {
  const earlier = base === undefined ? nothing() : readIndex(base.index);
  const settled = base?.settled ?? 0n;
  const seen = new Set<bigint>();
  const links = new Links(differences);
  const requestOf = (item: Kept): HashRequest<Kept> => {
    const { entry, inode } = item;
    const isLinked = item.links > 1 && entry.type === 'file';
    const again = isLinked && seen.has(inode);
    if (isLinked) {
      seen.add(inode);
      links.check(item);
    }
    const wanted = entry.type === 'file' && !again && entry.sha256 === undefined;
    if (!wanted) return { item, size: entry.size };
    const { coming } = item;
    return { item, size: entry.size, path: below(root, entry.path), ...(coming && { coming }) };
  };
  for await (const rows of sideBySide(readRecords(source), readRecords(copy), earlier))
    yield rows
      .filter(([expected, found]) => expected !== undefined || found !== undefined)
      .map(([expected, found, known]) =>
        compared(expected, found, knownHash(expected, known, settled), differences, ahead),
      )
      .filter((item) => item !== undefined)
      .map(requestOf);
}

/** Gives each name of a hard-linked file the hash of its first one. */
class LinkHashes {
  readonly #known = new Map<bigint, string>();

  entryOf({ item, sha256, failure }: Hashed<Kept>): RecordEntry {
    const { entry, inode, links } = item;
    if (failure !== undefined)
      throw new StackBackupError(
        'copy-failed',
        `cannot read the copy of ${printable(entry.path)}: ${failure}`,
        {
          next: 'Look at the health of the disk that holds the backups.',
        },
      );
    if (entry.type !== 'file') return entry;
    const hash = sha256 ?? entry.sha256 ?? this.#known.get(inode);
    if (hash === undefined) throw new StackBackupError('internal', 'a file was left out of the hashing');
    if (links > 1) this.#known.set(inode, hash);
    return { ...entry, sha256: hash };
  }
}

const linesOf = function* (root: string, entries: readonly RecordEntry[]): Generator<Checksum, void, void> {
  for (const { path, sha256 } of entries) if (sha256 !== undefined) yield { path: below(root, path), sha256 };
};

/** Brings a copy that was made while the source was in use up to what the source was at the end. */
const applyDelta = async (
  { task, delta }: Copied,
  snapshot: string,
  after: string,
  signal: AbortSignal | undefined,
): Promise<void> => {
  if (delta?.form !== 'tree') return;
  const { captured, before } = delta;
  const scratch = `${after}.scratch`;
  await applyCaptured(captured, {
    copy: join(snapshot, task.path),
    scratch,
    before,
    after,
    ...(signal && { signal }),
  });
  await rm(before);
};

/** Both walks side by side, hashes, index, checksums and size, in one pass. */
const finishTree = async (copied: Copied, options: FinishOptions): Promise<CopyResult> => {
  const { snapshot, sums, hasher, ahead, signal } = options;
  const { task } = copied;
  const source = sourceRecordsPath(snapshot, task.path);
  const copy = `${source}.copy`;
  const listCopy = async (): Promise<void> => {
    await recordWalk(join(snapshot, task.path), copy, signal);
    await sortRecords(copy, signal);
  };
  await sortRecords(source, signal);
  await applyDelta(copied, snapshot, source, signal);
  await listCopy();
  const differences = new Differences(task, options.live === true);
  const count = new TreeCount();
  const hashes = new LinkHashes();
  const shared = { files: 0, bytes: 0 };
  const entries = async function* () {
    const kept = requestsOf(source, copy, copied.delta?.base, task.path, differences, ahead);
    for await (const results of hasher.hash(kept)) {
      for (const { item } of results) {
        count.add({ ...item.entry, links: item.links, identity: String(item.inode) });
        if (item.entry.sha256 === undefined) continue;
        shared.files++;
        shared.bytes += item.entry.size;
      }
      const batch = results.map((result) => hashes.entryOf(result));
      await sums.add(linesOf(task.path, batch));
      yield batch;
    }
  };
  const index = indexPath(task.path);
  await makeFolderIn(dirname(join(snapshot, index)));
  await writeIndex(join(snapshot, index), entries(), signal);
  await Promise.all([rm(source), rm(copy)]);
  const lost = differences.timesCut ? [...copied.lost, 'ns-times'] : copied.lost;
  return {
    ...copied,
    ...count.size,
    ...(copied.delta?.base && { shared }),
    lost,
    index,
    warnings: [...copied.warnings, ...differences.warnings],
  };
};

/**
 * What remains to do for a copied mount once the services run again. A tree is compared with what its
 * source was (`copy-failed` on the smallest difference), hashed on all cores, and indexed; its checksums go
 * to `sums`. An archive is compressed and indexed; its own checksum comes with `sumOthers`. Memory does not
 * grow with the mount, but for its hard-linked files. Several mounts may be finished at a time.
 */
export const finishCopy = (copied: Copied, options: FinishOptions): Promise<CopyResult> =>
  copied.form === 'tree'
    ? finishTree(copied, options)
    : copied.delta?.form === 'archive'
      ? finishParts(copied, copied.delta, { ...options, live: options.live === true })
      : finishArchive(copied, options);
