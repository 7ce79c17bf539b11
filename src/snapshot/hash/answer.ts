import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { isSqliteHeader } from '../entries/sqlite.ts';

/** What `hashing.ts` asks: paths below the root, each ended by a NUL. */
export interface HashJob {
  readonly paths: Uint8Array<ArrayBuffer>;
  readonly count: number;
}

/** What it gets back: 32 bytes a path, in order; for those that failed the reason, by place. */
export interface HashAnswer {
  readonly digests: Uint8Array<ArrayBuffer>;
  readonly failures: readonly (readonly [place: number, reason: string])[];
  /** Places of those that are SQLite databases. */
  readonly databases: readonly number[];
}

export interface HashWorkerData {
  readonly root: Uint8Array;
  /** One counter that all workers share: bytes hashed so far. */
  readonly progress: SharedArrayBuffer;
  /** Whether they are to rest (`Rest`). */
  readonly rest: SharedArrayBuffer;
  /** They are last in line for the processors. */
  readonly last: boolean;
}

/** A file that is larger than what the answerer was made for. */
export class LargerThanTold extends Error {}

interface AnswerOptions {
  readonly blockBytes: number;
  readonly most: number;
  readonly beforeBlock?: () => void;
}

/**
 * Hashes files one after the other, in the thread that calls it. `most`: the size of the largest file that it
 * takes, bytes; a larger one ends the job with `LargerThanTold`. `beforeBlock` is called before each is read.
 */
export const answerer = (
  { root, progress }: Pick<HashWorkerData, 'root' | 'progress'>,
  { blockBytes, most, beforeBlock }: AnswerOptions,
): ((job: HashJob) => HashAnswer) => {
  const counter = new BigInt64Array(progress);
  const prefix = Buffer.concat([root, Buffer.from('/')]);
  const block = Buffer.allocUnsafeSlow(blockBytes);

  /** Reads from `at` on until the block is full or the file ends; bytes now in the block. */
  const fill = (file: number, at: number): number => {
    let filled = at;
    beforeBlock?.();
    while (filled < block.length) {
      const count = readSync(file, block, filled, block.length - filled, null);
      if (count === 0) break;
      filled += count;
      Atomics.add(counter, 0, BigInt(count));
    }
    return filled;
  };

  /** Whether the file that was hashed last began like a database. */
  let isDatabase = false;

  const hashOpen = (file: number): Buffer => {
    let filled = fill(file, 0);
    isDatabase = isSqliteHeader(block.subarray(0, Math.min(filled, 64)));
    // One call for what fits the block: most files do, and setting up a hash object costs more than they do.
    if (filled < block.length) return hash('sha256', block.subarray(0, filled), 'buffer');
    const state = createHash('sha256');
    while (filled > 0) {
      state.update(block.subarray(0, filled));
      filled = fill(file, 0);
    }
    return state.digest();
  };

  /** Room for the longest path the kernel takes, behind the root; made once, like the block. */
  const path = Buffer.allocUnsafeSlow(prefix.length + 4096);
  prefix.copy(path);

  const hashFile = (name: Uint8Array): Buffer => {
    if (name.length > 4096) throw new Error('the path is longer than the kernel takes');
    path.set(name, prefix.length);
    const whole = path.subarray(0, prefix.length + name.length);
    // A link is never followed, and a fifo that took the place of a file is not waited for.
    const file = openSync(whole, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) throw new Error('not a regular file');
      if (stats.size > most) throw new LargerThanTold();
      return hashOpen(file);
    } finally {
      closeSync(file);
    }
  };

  return ({ paths, count }) => {
    const digests = new Uint8Array(count * 32);
    const failures: [number, string][] = [];
    const databases: number[] = [];
    for (let place = 0, start = 0; place < count; place++) {
      const end = paths.indexOf(0, start);
      try {
        digests.set(hashFile(paths.subarray(start, end)), place * 32);
        if (isDatabase) databases.push(place);
      } catch (thrown) {
        if (thrown instanceof LargerThanTold) throw thrown;
        failures.push([place, thrown instanceof Error ? thrown.message : String(thrown)]);
      }
      start = end + 1;
    }
    return { digests, failures, databases };
  };
};
