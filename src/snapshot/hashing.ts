import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { StackBackupError } from '../base/errors.ts';
import type { HashAnswer, HashJob, HashWorkerData } from './hash-worker.ts';

/** One thing on its way through `hashFiles`; without a path it only keeps its place. */
export interface HashRequest<T> {
  readonly item: T;
  /** Bytes of the path below the root. */
  readonly path?: Buffer;
  /** Bytes expected in the file: how much one worker is given at once depends on it. */
  readonly size: number;
}

export interface Hashed<T> {
  readonly item: T;
  /** Hexadecimal; absent when there was no path, or it could not be read. */
  readonly sha256?: string;
  /** Why it could not be read. */
  readonly failure?: string;
}

export interface HashOptions {
  readonly signal?: AbortSignal;
  /** Told the bytes hashed so far, a few times a second. */
  readonly onProgress?: (bytes: number) => void;
  readonly workers?: number;
}

/** A worker is given so much at once: enough to make the message cheap, little enough to share work evenly. */
const jobFiles = 256;
const jobBytes = 8 * 1024 * 1024;
/** How far results may wait for an earlier, slower one. Bounds the memory, whatever the tree. */
const windowItems = 2_048;
const progressMs = 250;

/** As many as there are cores: two at least (one reads while the other hashes), four at most (memory). */
const defaultWorkers = (): number => Math.min(4, Math.max(2, availableParallelism()));

/** Beside this file, under whichever ending it runs: .ts from the sources, .js when built. */
const workerUrl = (): URL => {
  const url = new URL('./hash-worker.ts', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) url.pathname = url.pathname.replace(/\.ts$/, '.js');
  return url;
};

interface Job {
  readonly job: HashJob;
  readonly resolve: (answer: HashAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A few threads that take jobs from one queue, each one at a time. A thread is started when there is a job
 * for it: a small folder needs one, and starting costs more than hashing it.
 */
class HashPool implements AsyncDisposable {
  readonly #data: HashWorkerData;
  readonly #most: number;
  readonly #idle: Worker[] = [];
  readonly #all: Worker[] = [];
  readonly #queue: Job[] = [];
  readonly #running = new Map<Worker, Job>();
  #broken: unknown;

  constructor(root: string, workers: number) {
    this.#data = { root: Buffer.from(root), progress: new SharedArrayBuffer(8) };
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

  submit(job: HashJob): Promise<HashAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<HashAnswer>();
    // It may be rejected long before its turn to be awaited comes.
    promise.catch(() => undefined);
    if (this.#broken !== undefined) {
      reject(this.#broken);
      return promise;
    }
    this.#queue.push({ job, resolve, reject });
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

/** Cuts a stream of requests into what one worker is given at once. */
async function* jobsOf<T>(
  batches: AsyncIterable<readonly HashRequest<T>[]>,
): AsyncGenerator<readonly HashRequest<T>[], void, void> {
  let job: HashRequest<T>[] = [];
  let bytes = 0;
  for await (const batch of batches) {
    for (const request of batch) {
      job.push(request);
      bytes += request.path === undefined ? 0 : request.size;
      if (job.length < jobFiles && bytes < jobBytes) continue;
      yield job;
      job = [];
      bytes = 0;
    }
  }
  if (job.length > 0) yield job;
}

const packed = <T>(requests: readonly HashRequest<T>[]): HashJob => {
  const names = requests.flatMap(({ path }) => (path === undefined ? [] : [path]));
  const paths = new Uint8Array(names.reduce((sum, name) => sum + name.length + 1, 0));
  let at = 0;
  for (const name of names) {
    paths.set(name, at);
    at += name.length + 1;
  }
  return { paths, count: names.length };
};

const resultsOf = <T>(job: readonly HashRequest<T>[], answer: HashAnswer): readonly Hashed<T>[] => {
  const digests = Buffer.from(answer.digests.buffer);
  const failures = new Map(answer.failures);
  let place = 0;
  return job.map(({ item, path }) => {
    if (path === undefined) return { item };
    const failure = failures.get(place);
    const sha256 = digests.toString('hex', place * 32, place * 32 + 32);
    place++;
    return failure === undefined ? { item, sha256 } : { item, failure };
  });
};

/** Results in the order of the requests, with a window of jobs under way. */
async function* inOrder<T>(
  pool: HashPool,
  jobs: AsyncGenerator<readonly HashRequest<T>[], void, void>,
): AsyncGenerator<readonly Hashed<T>[], void, void> {
  const waiting: { readonly job: readonly HashRequest<T>[]; readonly answer: Promise<HashAnswer> }[] = [];
  let items = 0;
  for (let over = false; !over || waiting.length > 0; ) {
    while (!over && items < windowItems) {
      const next = await jobs.next();
      if (next.done) over = true;
      else {
        waiting.push({ job: next.value, answer: pool.submit(packed(next.value)) });
        items += next.value.length;
      }
    }
    const first = waiting.shift();
    if (first === undefined) continue;
    items -= first.job.length;
    yield resultsOf(first.job, await first.answer);
  }
}

/**
 * SHA-256 of many files below `root`, on all cores, results in the order of the requests. Neither the number
 * nor the size of the files changes the memory it takes. A file that cannot be read is a result with a
 * `failure`; symlinks and anything else that is not a regular file are such failures, never followed.
 * Rejects with `interrupted` when the signal aborts.
 */
export async function* hashFiles<T>(
  root: string,
  requests: AsyncIterable<readonly HashRequest<T>[]>,
  options: HashOptions = {},
): AsyncGenerator<readonly Hashed<T>[], void, void> {
  const { signal, onProgress } = options;
  await using pool = new HashPool(root, options.workers ?? defaultWorkers());
  const interrupt = (): void =>
    pool.fail(new StackBackupError('interrupted', 'hashing was interrupted', { cause: signal?.reason }));
  if (signal?.aborted) interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  const timer = onProgress && setInterval(() => onProgress(pool.bytes), progressMs);
  try {
    yield* inOrder(pool, jobsOf(requests));
    onProgress?.(pool.bytes);
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', interrupt);
  }
}
