import { StackBackupError } from '../base/errors.ts';
import type { HashAnswer, HashJob } from './hash/answer.ts';
import { defaultWorkers, HashPool } from './hash-pool.ts';

/** One thing on its way through `hashFiles`; without a path it only keeps its place. */
export interface HashRequest<T> {
  readonly item: T;
  /** Bytes of the path below the root. */
  readonly path?: Buffer;
  /** Bytes expected in the file: how much one worker is given at once depends on it. */
  readonly size: number;
  /** Its hash, where somebody else is at it already; when it comes to nothing, the file is read after all. */
  readonly coming?: Promise<string | undefined>;
}

export interface Hashed<T> {
  readonly item: T;
  /** Hexadecimal; absent when there was no path, or it could not be read. */
  readonly sha256?: string;
  /** Why it could not be read. */
  readonly failure?: string;
  /** It begins like an SQLite database. */
  readonly isDatabase?: true;
}

export interface HashOptions {
  readonly signal?: AbortSignal;
  /** Told the bytes hashed so far, a few times a second. */
  readonly onProgress?: (bytes: number) => void;
  readonly workers?: number;
  /** Its threads are last in line for the processors. */
  readonly last?: boolean;
}

/** A worker is given so much at once: enough to make the message cheap, little enough to share work evenly. */
const jobFiles = 256;
const jobBytes = 8 * 1024 * 1024;
/** How far results may wait for an earlier, slower one. Bounds the memory, whatever the tree. */
const windowItems = 2_048;
const progressMs = 250;

const isRead = <T>({ path, coming }: HashRequest<T>): boolean => path !== undefined && coming === undefined;

const bytesOf = <T>(request: HashRequest<T>): number => (isRead(request) ? request.size : 0);

/** Cuts a stream of requests into what one worker is given at once. */
async function* jobsOf<T>(
  batches: AsyncIterable<readonly HashRequest<T>[]>,
): AsyncGenerator<readonly HashRequest<T>[], void, void> {
  let job: HashRequest<T>[] = [];
  let bytes = 0;
  for await (const batch of batches) {
    for (const request of batch) {
      job.push(request);
      bytes += bytesOf(request);
      if (job.length < jobFiles && bytes < jobBytes) continue;
      yield job;
      job = [];
      bytes = 0;
    }
  }
  if (job.length > 0) yield job;
}

const packed = <T>(requests: readonly HashRequest<T>[]): HashJob => {
  const names = requests.filter(isRead).map(({ path }) => path as Buffer);
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
  const databases = new Set(answer.databases);
  let place = 0;
  return job.map((request) => {
    const { item } = request;
    if (!isRead(request)) return { item };
    const failure = failures.get(place);
    const sha256 = digests.toString('hex', place * 32, place * 32 + 32);
    const isDatabase = databases.has(place++) && { isDatabase: true as const };
    return failure === undefined ? { item, sha256, ...isDatabase } : { item, failure };
  });
};

/** Waits for what was to come from somebody else, and reads what did not. */
const withOthers = async <T>(
  pool: HashPool,
  job: readonly HashRequest<T>[],
  results: readonly Hashed<T>[],
): Promise<readonly Hashed<T>[]> => {
  if (job.every(({ coming }) => coming === undefined)) return results;
  const all = [...results];
  for (const [place, { item, path, size, coming }] of job.entries()) {
    if (coming === undefined || path === undefined) continue;
    const sha256 = await coming;
    const request = { item, path, size };
    all[place] =
      sha256 !== undefined
        ? { item, sha256 }
        : (resultsOf([request], await pool.submit(packed([request]), size))[0] as Hashed<T>);
  }
  return all;
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
        const bytes = next.value.reduce((sum, request) => sum + bytesOf(request), 0);
        waiting.push({ job: next.value, answer: pool.submit(packed(next.value), bytes) });
        items += next.value.length;
      }
    }
    const first = waiting.shift();
    if (first === undefined) continue;
    items -= first.job.length;
    yield await withOthers(pool, first.job, resultsOf(first.job, await first.answer));
  }
}

/**
 * SHA-256 of many files below `root`, on all cores, for as many streams of requests at a time as there are.
 * Neither the number nor the size of the files changes the memory it takes. A file that cannot be read is a
 * result with a `failure`; symlinks and anything else that is not a regular file are such failures, never
 * followed. When the signal aborts, everything under way and to come rejects with `interrupted`.
 */
export class FileHasher implements AsyncDisposable {
  readonly #pool: HashPool;
  readonly #signal: AbortSignal | undefined;
  #onProgress: HashOptions['onProgress'];
  readonly #following: Disposable | undefined;
  readonly #interrupt = (): void =>
    this.#pool.fail(
      new StackBackupError('interrupted', 'hashing was interrupted', { cause: this.#signal?.reason }),
    );

  constructor(root: string, options: HashOptions = {}) {
    const { signal, onProgress, workers = defaultWorkers(), last = false } = options;
    this.#signal = signal;
    this.#pool = new HashPool(root, { workers, last });
    if (signal?.aborted) this.#interrupt();
    signal?.addEventListener('abort', this.#interrupt, { once: true });
    this.#following = onProgress && this.follow(onProgress);
  }

  /** Somebody is told the bytes hashed so far, a few times a second, until it is disposed of. One at a time. */
  follow(onProgress: (bytes: number) => void): Disposable {
    const timer = setInterval(() => onProgress(this.#pool.bytes), progressMs);
    this.#onProgress = onProgress;
    return {
      [Symbol.dispose]: () => {
        clearInterval(timer);
        this.#onProgress = undefined;
      },
    };
  }

  /** Uses neither processors nor the disk any more, until `goOn`. */
  rest(): void {
    this.#pool.rest.begin();
  }

  goOn(): void {
    this.#pool.rest.end();
  }

  /** Results in the order of the requests. */
  async *hash<T>(
    requests: AsyncIterable<readonly HashRequest<T>[]>,
  ): AsyncGenerator<readonly Hashed<T>[], void, void> {
    yield* inOrder(this.#pool, jobsOf(requests));
    this.#onProgress?.(this.#pool.bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#following?.[Symbol.dispose]();
    this.#signal?.removeEventListener('abort', this.#interrupt);
    await this.#pool[Symbol.asyncDispose]();
  }
}

/** One stream of requests with a `FileHasher` of its own. */
export async function* hashFiles<T>(
  root: string,
  requests: AsyncIterable<readonly HashRequest<T>[]>,
  options: HashOptions = {},
): AsyncGenerator<readonly Hashed<T>[], void, void> {
  await using hasher = new FileHasher(root, options);
  yield* hasher.hash(requests);
}
