import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolderIn } from '../base/disk.ts';
import { StackBackupError } from '../base/errors.ts';
import type { Warning } from '../base/events.ts';
import type { Checksum, ChecksumWriter } from '../snapshot/checksums.ts';
import { difference, isTimeCutShort, sideBySide } from '../snapshot/entries/compare.ts';
import { printable, type RecordEntry, readRecords, sortRecords } from '../snapshot/entries/records.ts';
import type { FileHasher, Hashed, HashRequest } from '../snapshot/hashing.ts';
import { writeIndex } from '../snapshot/index-file.ts';
import { indexPath, sourceRecordsPath } from '../snapshot/layout.ts';
import { finishArchive } from './archive/finish.ts';
import type { Copied, CopyResult, CopyTask } from './types.ts';
import { recordWalk, TreeCount } from './walk.ts';

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
}

/** One entry of the copy, with what the source says where that is what counts later. */
interface Kept {
  readonly entry: RecordEntry;
  /** Inode of the copy: its hard links share it, and are hashed once. */
  readonly inode: bigint;
  readonly links: number;
}

/** What the comparison of a copy with its source noticed. */
class Differences {
  readonly #task: CopyTask;
  readonly #live: boolean;
  readonly #warnings: Warning[] = [];
  timesCut = false;

  constructor(task: CopyTask, live: boolean) {
    this.#task = task;
    this.#live = live;
  }

  get warnings(): readonly Warning[] {
    const [first] = this.#warnings;
    if (first === undefined) return [];
    const more = this.#warnings.length > 1 ? ` (and ${this.#warnings.length - 1} more)` : '';
    return [{ ...first, message: first.message + more }];
  }

  /** A difference that should not be. One warning is told, however many there are. */
  found(path: Buffer, what: string): void {
    const message = `the copy of ${this.#task.name} is not like its source: ${printable(path) || '.'}: ${what}`;
    if (!this.#live)
      throw new StackBackupError('copy-failed', message, {
        next: 'Something wrote to the source or to the snapshot during the copy: find out what, then run again.',
      });
    if (this.#warnings.length < 1000)
      this.#warnings.push({ code: 'changed-during-copy', message, about: this.#task.name });
  }
}

const keep = (source: RecordEntry | undefined, copy: RecordEntry): Kept => ({
  entry: { ...copy, ...(source && { inode: source.inode, ctimeNs: source.ctimeNs, links: source.links }) },
  inode: copy.inode,
  links: copy.links,
});

/** One path of the copy, compared with the source's; undefined when the copy has no such path. */
const compared = (
  expected: RecordEntry | undefined,
  found: RecordEntry | undefined,
  differences: Differences,
): Kept | undefined => {
  if (found === undefined) {
    differences.found(expected?.path ?? Buffer.alloc(0), 'it is not in the copy');
    return undefined;
  }
  const differs = expected === undefined ? 'it was not in the source' : difference(expected, found);
  if (expected !== undefined && differs !== undefined && isTimeCutShort(expected, found))
    differences.timesCut = true;
  else if (differs !== undefined) differences.found(found.path, differs);
  return keep(expected, found);
};

const below = (root: string, path: Buffer): Buffer =>
  path.length === 0 ? Buffer.from(root) : Buffer.concat([Buffer.from(`${root}/`), path]);

/** What has to be hashed, in order: every regular file, of hard-linked ones the first name. */
async function* requestsOf(
  source: string,
  copy: string,
  root: string,
  differences: Differences,
): AsyncGenerator<readonly HashRequest<Kept>[], void, void> {
  const seen = new Set<bigint>();
  const requestOf = (item: Kept): HashRequest<Kept> => {
    const { entry, inode, links } = item;
    const again = links > 1 && seen.has(inode);
    if (links > 1 && entry.type === 'file') seen.add(inode);
    const wanted = entry.type === 'file' && !again;
    return { item, size: entry.size, ...(wanted ? { path: below(root, entry.path) } : {}) };
  };
  for await (const rows of sideBySide(readRecords(source), readRecords(copy)))
    yield rows
      .map(([expected, found]) => compared(expected, found, differences))
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
    const hash = sha256 ?? this.#known.get(inode);
    if (hash === undefined) throw new StackBackupError('internal', 'a file was left out of the hashing');
    if (links > 1) this.#known.set(inode, hash);
    return { ...entry, sha256: hash };
  }
}

const linesOf = function* (root: string, entries: readonly RecordEntry[]): Generator<Checksum, void, void> {
  for (const { path, sha256 } of entries) if (sha256 !== undefined) yield { path: below(root, path), sha256 };
};

/** Both walks side by side, hashes, index, checksums and size, in one pass. */
const finishTree = async (copied: Copied, options: FinishOptions): Promise<CopyResult> => {
  const { snapshot, sums, hasher, signal } = options;
  const { task } = copied;
  const source = sourceRecordsPath(snapshot, task.path);
  const copy = `${source}.copy`;
  const listCopy = async (): Promise<void> => {
    await recordWalk(join(snapshot, task.path), copy, signal);
    await sortRecords(copy, signal);
  };
  await Promise.all([listCopy(), sortRecords(source, signal)]);
  const differences = new Differences(task, options.live === true);
  const count = new TreeCount();
  const hashes = new LinkHashes();
  const entries = async function* () {
    const kept = requestsOf(source, copy, task.path, differences);
    for await (const results of hasher.hash(kept)) {
      for (const { item } of results)
        count.add({ ...item.entry, links: item.links, identity: String(item.inode) });
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
  return { ...copied, ...count.size, lost, index, warnings: [...copied.warnings, ...differences.warnings] };
};

/**
 * What remains to do for a copied mount once the services run again. A tree is compared with what its
 * source was (`copy-failed` on the smallest difference), hashed on all cores, and indexed; its checksums go
 * to `sums`. An archive is compressed and indexed; its own checksum comes with `sumOthers`. Memory does not
 * grow with the mount, but for its hard-linked files. Several mounts may be finished at a time.
 */
export const finishCopy = (copied: Copied, options: FinishOptions): Promise<CopyResult> =>
  copied.form === 'archive' ? finishArchive(copied, options) : finishTree(copied, options);
