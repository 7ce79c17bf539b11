import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

/** What `hashing.ts` sends: paths below the root, each ended by a NUL. */
export interface HashJob {
  readonly paths: Uint8Array<ArrayBuffer>;
}

/** What it gets back: 32 bytes a path, in order; for those that failed the reason, by place. */
export interface HashAnswer {
  readonly digests: Uint8Array<ArrayBuffer>;
  readonly failures: readonly (readonly [place: number, reason: string])[];
}

export interface HashWorkerData {
  readonly root: Uint8Array;
  /** One counter that all workers share: bytes hashed so far. */
  readonly progress: SharedArrayBuffer;
}

const { root, progress } = workerData as HashWorkerData;
const counter = new BigInt64Array(progress);
const prefix = Buffer.concat([root, Buffer.from('/')]);
const block = Buffer.allocUnsafeSlow(1024 * 1024);

/** Reads from `at` on until the block is full or the file ends; bytes now in the block. */
const fill = (file: number, at: number): number => {
  let filled = at;
  while (filled < block.length) {
    const count = readSync(file, block, filled, block.length - filled, null);
    if (count === 0) break;
    filled += count;
    Atomics.add(counter, 0, BigInt(count));
  }
  return filled;
};

const hashOpen = (file: number): Buffer => {
  let filled = fill(file, 0);
  // One call for what fits the block: most files do, and setting up a hash object costs more than they do.
  if (filled < block.length) return hash('sha256', block.subarray(0, filled), 'buffer');
  const state = createHash('sha256');
  while (filled > 0) {
    state.update(block.subarray(0, filled));
    filled = fill(file, 0);
  }
  return state.digest();
};

const hashFile = (path: Buffer): Buffer => {
  // A link is never followed, and a fifo that took the place of a file is not waited for.
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new Error('not a regular file');
    return hashOpen(file);
  } finally {
    closeSync(file);
  }
};

const answer = (job: HashJob): HashAnswer => {
  const paths = Buffer.from(job.paths.buffer, job.paths.byteOffset, job.paths.byteLength);
  const digests: Buffer[] = [];
  const failures: [number, string][] = [];
  for (let start = 0, end = paths.indexOf(0); end !== -1; start = end + 1, end = paths.indexOf(0, start)) {
    try {
      digests.push(hashFile(Buffer.concat([prefix, paths.subarray(start, end)])));
    } catch (thrown) {
      failures.push([digests.length, thrown instanceof Error ? thrown.message : String(thrown)]);
      digests.push(Buffer.alloc(32));
    }
  }
  const all = new Uint8Array(digests.length * 32);
  digests.forEach((digest, place) => {
    all.set(digest, place * 32);
  });
  return { digests: all, failures };
};

parentPort?.on('message', (job: HashJob) => {
  const result = answer(job);
  parentPort?.postMessage(result, [result.digests.buffer]);
});
