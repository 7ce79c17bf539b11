import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { recordFormat } from '../../snapshot/entries/records.ts';
import { streamListing, streamRecords } from '../walk.ts';
import { type Parts, partsOf } from './parts.ts';
import { wholeRecords } from './whole.ts';

/** Below this a second process costs more than it saves. */
const leastEntries = 20_000;
/** More at a time only wait for each other where a disk has to be read. */
const walkers = 2;

/** Chunks of several streams as they come. When one fails, or the reader stops, `end` has to end all of them. */
async function* interleaved<T>(
  streams: readonly AsyncGenerator<T, void, void>[],
  end: () => void,
): AsyncGenerator<T, void, void> {
  const next = async (stream: AsyncGenerator<T, void, void>) => ({ stream, step: await stream.next() });
  const pending = new Map(streams.map((stream) => [stream, next(stream)]));
  try {
    while (pending.size > 0) {
      const { stream, step } = await Promise.race(pending.values());
      if (step.done === true) pending.delete(stream);
      else {
        pending.set(stream, next(stream));
        yield step.value;
      }
    }
  } finally {
    end();
    // Nobody asks for these any more.
    for (const step of pending.values()) step.catch(() => undefined);
    await Promise.allSettled(streams.map((stream) => stream.return()));
  }
}

/** One walk of what lies down to the folders, then one of each share of the folders, side by side. */
async function* inShares(
  root: string,
  { depth, folders }: Parts,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, void> {
  const over = new AbortController();
  const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  const listing = { cwd: resolve(root), live: false, mayBeEmpty: true, signal: either };
  const above = ['find', '-P', '.', '-maxdepth', String(depth), '-printf', recordFormat];
  const shares = Array.from({ length: walkers }, (_, share) =>
    folders.filter((_folder, place) => place % walkers === share),
  ).filter((share) => share.length > 0);
  const below = recordFormat.replace('%P', '%p');
  const commands = shares.map((share) => ['find', '-P', ...share, '-mindepth', '1', '-printf', below]);
  const streams = [above, ...commands].map((command) =>
    wholeRecords(streamListing(root, { ...listing, command })),
  );
  yield* interleaved(streams, () => over.abort());
}

/**
 * Whole records of everything under `root`, like `streamRecords`, by two processes when the tree is large
 * and deep enough. For trees in which nobody moves folders meanwhile: a part is found by its path.
 * `entries`: about how many there are.
 */
export async function* sharedWalk(
  root: string,
  entries: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  const isWorthIt = entries >= leastEntries && availableParallelism() > 1;
  const parts = isWorthIt ? await partsOf(root) : undefined;
  if (parts === undefined) yield* wholeRecords(streamRecords(root, signal ? { signal } : {}));
  else yield* inShares(root, parts, signal);
}
