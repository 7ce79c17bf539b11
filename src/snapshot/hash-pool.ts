import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import {
  answerer,
  type HashAnswer,
  type HashJob,
  type HashWorkerData,
  LargerThanTold,
} from './hash/answer.ts';
import { Rest } from './hash/rest.ts';

/** As many as there are cores: two at least (one reads while the other hashes), four at most (memory). */
export const defaultWorkers = (): number => Math.min(4, Math.max(2, availableParallelism()));

/** Beside this file, under whichever ending it runs: .ts from the sources, .js when built. */
const workerUrl = (): URL => {
  const url = new URL('./hash-worker.ts', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) url.pathname = url.pathname.replace(/\.ts$/, '.js');
  return url;
};

/**
 * So little, in bytes and in files, is hashed where it is asked for, in a few ms: a thread takes longer to
 * start, and costs more than that.
 */
const few = { bytes: 512 * 1024, files: 64 };

interface Job {
  readonly job: HashJob;
  /** Bytes to be read for it. */
  readonly bytes: number;
  readonly resolve: (answer: HashAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A few threads that take jobs from one queue, each one at a time, the smallest first: whoever has small
 * files has much to do besides (listing, comparing, indexing), and goes on with it while big ones are read.
 * A thread is started when there is a job for it: starting one costs more than hashing a small folder.
 */
export class HashPool implements AsyncDisposable {
  readonly #data: HashWorkerData;
  readonly #most: number;
  /** Begins and ends rest for all threads. What is so little that none is asked does not rest. */
  readonly rest = new Rest();
  readonly #idle: Worker[] = [];
  readonly #all: Worker[] = [];
  readonly #queue: Job[] = [];
  readonly #running = new Map<Worker, Job>();
  #broken: unknown;
  #left = few;

  constructor(root: string, { workers, last }: { readonly workers: number; readonly last: boolean }) {
    const rest = this.rest.shared;
    this.#data = { root: Buffer.from(root), progress: new SharedArrayBuffer(8), rest, last };
    this.#most = workers;
  }

  #start(): Worker {
    const worker = new Worker(workerUrl(), {
      workerData: this.#data,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    });
    worker.on('message', (answer: HashAnswer) => {
      this.#running.get(worker)?.resolve(answer);
      this.#running.delete(worker);
      this.#give(worker);
    });
    worker.on('error', (thrown) => this.fail(thrown));
    this.#all.push(worker);
    return worker;
  }

  get bytes(): number {
    return Number(Atomics.load(new BigInt64Array(this.#data.progress), 0));
  }

  #give(worker: Worker): void {
    const job = this.#queue.shift();
    if (job === undefined) {
      this.#idle.push(worker);
      return;
    }
    this.#running.set(worker, job);
    worker.postMessage(job.job, [job.job.paths.buffer]);
  }

  /** The answer to one of the first jobs, when they are small enough. */
  #atOnce(job: HashJob, bytes: number): HashAnswer | undefined {
    if (this.#all.length > 0 || bytes > this.#left.bytes || job.count > this.#left.files) return undefined;
    this.#left = { bytes: this.#left.bytes - bytes, files: this.#left.files - job.count };
    const before = this.bytes;
    try {
      return answerer(this.#data, { blockBytes: 64 * 1024, most: few.bytes })(job);
    } catch (thrown) {
      if (!(thrown instanceof LargerThanTold)) throw thrown;
      Atomics.store(new BigInt64Array(this.#data.progress), 0, BigInt(before));
      return undefined;
    }
  }

  /** `bytes` is what the job will read. */
  submit(job: HashJob, bytes: number): Promise<HashAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<HashAnswer>();
    // It may be rejected long before its turn to be awaited comes.
    promise.catch(() => undefined);
    if (this.#broken !== undefined) {
      reject(this.#broken);
      return promise;
    }
    const answer = this.#atOnce(job, bytes);
    if (answer !== undefined) {
      resolve(answer);
      return promise;
    }
    const place = this.#queue.findIndex((other) => other.bytes > bytes);
    this.#queue.splice(place === -1 ? this.#queue.length : place, 0, { job, bytes, resolve, reject });
    const worker = this.#idle.pop() ?? (this.#all.length < this.#most ? this.#start() : undefined);
    if (worker !== undefined) this.#give(worker);
    return promise;
  }

  /** Rejects everything under way and to come. */
  fail(reason: unknown): void {
    this.#broken ??= reason;
    for (const job of [...this.#running.values(), ...this.#queue.splice(0)]) job.reject(this.#broken);
    this.#running.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker.terminate()));
  }
}
