import { createHash } from 'node:crypto';
import { readSync, writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { fill, runsOf } from '../../large/patch.ts';

/** Bytes of either file that are looked at at a time. */
const chunkBytes = 2 * 1024 * 1024;

/** So many more are being read meanwhile: two files, two cores, and this one compares. */
const ahead = 2;

/** So many places that differ are remembered, in 16 bytes each. Beyond them a new file costs no more. */
const mostRuns = 500_000;

/** More than one part in so many is not worth it: a new file is written in one go. */
const partOfAll = 8;

/** Where a file of the snapshot differs from what is in its place now. */
export interface Differing {
  /** Of the whole file in the snapshot, where it was asked for; and its bytes. */
  readonly sha256: string | undefined;
  readonly size: number;
  /** Begin and end of each place, one after the other. */
  readonly runs: readonly number[];
  /** Hash of what the snapshot has in these places. */
  readonly changes: string;
}

interface Pair {
  readonly is: Buffer;
  readonly was: Buffer;
  readonly position: number;
}

/** Pieces of two files side by side until the first ends. Each is valid until the next is asked for. */
async function* pairsOf(
  source: FileHandle,
  target: FileHandle,
  signal: AbortSignal | undefined,
): AsyncGenerator<Pair, void, void> {
  const buffers = Array.from(
    { length: ahead + 1 },
    () => [Buffer.allocUnsafe(chunkBytes), Buffer.allocUnsafe(chunkBytes)] as const,
  );
  const read = async (turn: number): Promise<Pair> => {
    const [one, other] = buffers[turn % buffers.length] as readonly [Buffer, Buffer];
    const position = turn * chunkBytes;
    const [is, was] = await Promise.all([fill(source, one, position), fill(target, other, position)]);
    return { is: one.subarray(0, is), was: other.subarray(0, was), position };
  };
  const reading: Promise<Pair>[] = [];
  for (let turn = 0; ; turn++) {
    signal?.throwIfAborted();
    while (reading.length <= ahead) {
      const next = read(turn + reading.length);
      next.catch(() => undefined); // nobody may ask for it any more
      reading.push(next);
    }
    const pair = await (reading.shift() as Promise<Pair>);
    if (pair.is.length === 0) return;
    yield pair;
  }
}

/**
 * Compares a file of the snapshot with one that is no shorter, byte by byte, and (`hashing`) hashes what it has
 * read of the first: what is not named as differing is what that hash is of. Undefined when so much differs that
 * a new file costs less; then the rest was not read.
 */
export const differingOf = async (
  source: FileHandle,
  target: FileHandle,
  { hashing, signal }: { readonly hashing: boolean; readonly signal?: AbortSignal | undefined },
): Promise<Differing | undefined> => {
  const { size: told } = await source.stat();
  const hash = hashing ? createHash('sha256') : undefined;
  const changes = createHash('sha256');
  const runs: number[] = [];
  let [size, differ] = [0, 0];
  for await (const { is, was, position } of pairsOf(source, target, signal)) {
    hash?.update(is);
    size += is.length;
    if (was.length < is.length) return undefined;
    const now = was.subarray(0, is.length);
    if (is.equals(now)) continue;
    for (const [from, to] of runsOf(is, now)) {
      runs.push(position + from, position + to);
      changes.update(is.subarray(from, to));
      differ += to - from;
    }
    if (differ * partOfAll > told || runs.length > 2 * mostRuns) return undefined;
  }
  return { sha256: hash?.digest('hex'), size, runs, changes: changes.digest('hex') };
};

/** So many places at a time: others have a turn in between. */
const atOnce = 256;

const readAt = (file: FileHandle, buffer: Buffer, position: number): boolean => {
  for (let done = 0; done < buffer.length; ) {
    const read = readSync(file.fd, buffer, done, buffer.length - done, position + done);
    if (read === 0) return false;
    done += read;
  }
  return true;
};

const writeAt = (file: FileHandle, bytes: Buffer, position: number): void => {
  for (let done = 0; done < bytes.length; )
    done += writeSync(file.fd, bytes, done, bytes.length - done, position + done);
};

/** Calls `visit` with each place and a buffer of its size, until one is false. */
const everyPlace = async (
  runs: readonly number[],
  signal: AbortSignal | undefined,
  visit: (bytes: Buffer, position: number) => boolean,
): Promise<boolean> => {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (let at = 0; at < runs.length; at += 2) {
    const [from = 0, to = 0] = [runs[at], runs[at + 1]];
    if (!visit(buffer.subarray(0, to - from), from)) return false;
    if (at % (2 * atOnce) !== 0) continue;
    await setImmediate();
    signal?.throwIfAborted();
  }
  return true;
};

/**
 * Gives `target` what the snapshot has where they differ, and reads those places again. True when it is what
 * the snapshot has, to the last byte: the places are what was hashed, and the rest was found to be equal.
 */
export const patch = async (
  source: FileHandle,
  target: FileHandle,
  { size, runs, changes }: Differing,
  signal: AbortSignal | undefined,
): Promise<boolean> => {
  await target.truncate(size);
  const isWritten = await everyPlace(runs, signal, (bytes, position) => {
    if (!readAt(source, bytes, position)) return false;
    writeAt(target, bytes, position);
    return true;
  });
  const hash = createHash('sha256');
  const isRead = await everyPlace(runs, signal, (bytes, position) => {
    if (!readAt(target, bytes, position)) return false;
    hash.update(bytes);
    return true;
  });
  return isWritten && isRead && hash.digest('hex') === changes;
};
