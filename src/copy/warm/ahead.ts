import { type RecordEntry, readRecords } from '../../snapshot/entries/records.ts';
import { defaultWorkers } from '../../snapshot/hash-pool.ts';
import { FileHasher, type HashRequest } from '../../snapshot/hashing.ts';
import { below } from '../changes/paths.ts';
import type { WarmCopy } from './types.ts';

/** From this size on a file is hashed ahead: what is remembered of one costs more than to hash a small one. */
const leastBytes = 1024 * 1024;
/** So many files at most are remembered. */
const mostFiles = 10_000;

/** Copies that need more than this part of the free memory would have to be read from the disk again. */
const partOfMemory = 0.25;

/** A file as it is: whatever is done to it, or put in its place, has another inode or a later change time. */
const stateOf = ({ inode, ctimeNs, size }: RecordEntry): string => `${inode} ${ctimeNs} ${size}`;

async function* only<T>(request: HashRequest<T>): AsyncGenerator<readonly HashRequest<T>[], void, void> {
  yield [request];
}

interface Waiting {
  readonly path: Buffer;
  readonly size: number;
  readonly state: string;
}

/**
 * Hashes the files of a snapshot that is being written, last in line for the processors, and large ones before
 * their turn: while other mounts are copied still, and while what was copied goes to the disk. It reads copies
 * alone, never a source, and what it finds is remembered for the very inode and change time that it read: whatever
 * is put into a copy later is another file, and hashed in its turn. Files shared with an earlier snapshot have
 * their hashes from there. What it does ahead never fails: what comes to nothing is hashed later.
 */
export class HashedAhead implements AsyncDisposable {
  /** For what is hashed in its turn: the same threads, because each of them costs memory. */
  readonly hasher: FileHasher;
  readonly #least: number;
  readonly #hashes = new Map<string, Promise<string | undefined>>();
  #waiting: Waiting[] = [];
  #isOver = false;
  #known = 0;
  #running = 0;

  /** `snapshot`: the folder being written. `least`: smaller files are left for later, bytes. */
  constructor(
    snapshot: string,
    { signal, least = leastBytes }: { readonly signal?: AbortSignal; readonly least?: number } = {},
  ) {
    this.hasher = new FileHasher(snapshot, { last: true, ...(signal && { signal }) });
    this.#least = least;
  }

  /** Begins with the files of a copy of so many bytes. Resolves when they are all in line. */
  async add(warm: WarmCopy, bytes: number): Promise<void> {
    if (warm.form !== 'tree' || warm.base !== undefined) return;
    if (bytes > process.availableMemory() * partOfMemory) return;
    try {
      for await (const batch of readRecords(warm.before)) this.#queue(warm.task.path, batch);
    } catch {
      // whoever finishes the copy reads it as well, and says what is wrong
    }
  }

  #queue(copy: string, entries: readonly RecordEntry[]): void {
    if (this.#isOver) return;
    for (const entry of entries) {
      if (entry.type !== 'file' || entry.size < this.#least || entry.links > 1) continue;
      if (++this.#known > mostFiles) return;
      const path = Buffer.from(below(copy, entry.path));
      this.#waiting.push({ path, size: entry.size, state: stateOf(entry) });
    }
    while (this.#running < defaultWorkers() && this.#next()) this.#running++;
  }

  /** Begins with the next file; false when there is none. */
  #next(): boolean {
    const next = this.#waiting.shift();
    if (next === undefined) return false;
    const hash = this.#hash(next).catch(() => undefined);
    this.#hashes.set(next.state, hash);
    void hash.then(() => {
      if (!this.#next()) this.#running--;
    });
    return true;
  }

  async #hash({ path, size }: Waiting): Promise<string | undefined> {
    for await (const [one] of this.hasher.hash(only({ item: undefined, path, size }))) return one?.sha256;
    return undefined;
  }

  /** Begins with no further file before its turn. */
  end(): void {
    this.#isOver = true;
    this.#waiting = [];
  }

  /** The hash of a file of a copy as it is now, if that was begun; it comes to undefined when it cannot be had. */
  of(entry: RecordEntry): Promise<string | undefined> | undefined {
    return this.#hashes.get(stateOf(entry));
  }

  /** Resolves when everything that was begun is done. */
  async settled(): Promise<void> {
    for (const hash of this.#hashes.values()) await hash;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    await this.hasher[Symbol.asyncDispose]();
  }
}
