import { constants, copyFile, type FileHandle, lstat, mkdir, open, rm } from 'node:fs/promises';
import { below, parentOf } from '../changes/paths.ts';

/** Bytes of either file that are in memory at a time, and what is compared and written of them. */
const chunkBytes = 1024 * 1024;
const blockBytes = 4096;
/** Compared at once, before each block of it is: few pieces of a file that was written to differ. */
const pieceBytes = 16 * blockBytes;

const zeros = Buffer.alloc(pieceBytes);

/** Where a patched file comes from, what it is to be like, and where it is made; absolute folders. */
export interface PatchPlaces {
  readonly source: string;
  /** An earlier copy of `source`, on the file system of `target`. */
  readonly copy: string;
  readonly target: string;
}

export interface Patched {
  /** Bytes that differed, and were written. */
  readonly written: number;
  /** Zeros were written in a file that has holes: some of them may be holes in the source. */
  readonly filled: boolean;
}

/** Reads as much as the buffer holds; less only at the end of the file. */
export const fill = async (file: FileHandle, buffer: Buffer, position: number): Promise<number> => {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
};

/** Whether two buffers are equal from `at` on, for so many bytes; beyond the old one, zeros are. */
const isSame = (is: Buffer, was: Buffer, at: number, bytes: number): boolean => {
  const part = is.subarray(at, at + bytes);
  return at < was.length
    ? part.equals(was.subarray(at, at + bytes))
    : part.equals(zeros.subarray(0, part.length));
};

/** Where the blocks that differ begin and end, neighbours as one. What the old one lacks differs unless it is zeros. */
export function* runsOf(is: Buffer, was: Buffer): Generator<readonly [number, number], void, void> {
  let from = -1;
  let step = pieceBytes;
  for (let at = 0; at < is.length; at += step) {
    const isPiece = at % pieceBytes === 0 && isSame(is, was, at, pieceBytes);
    step = isPiece ? pieceBytes : blockBytes;
    const isEqual = isPiece || isSame(is, was, at, blockBytes);
    if (!isEqual && from === -1) from = at;
    if (!isEqual || from === -1) continue;
    yield [from, at];
    from = -1;
  }
  if (from !== -1) yield [from, is.length];
}

const hasZeros = (bytes: Buffer): boolean => {
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const block = bytes.subarray(at, at + blockBytes);
    if (block.equals(zeros.subarray(0, block.length))) return true;
  }
  return false;
};

/**
 * Writes into `target`, a clone of `earlier`, what differs from `source`, in the memory of two chunks. The clone
 * itself is not read: what lies in memory of a file is written in pieces as large as it was read in.
 */
const writeChanges = async (
  source: FileHandle,
  earlier: FileHandle,
  target: FileHandle,
  signal: AbortSignal | undefined,
): Promise<Patched> => {
  const [one, other] = [Buffer.allocUnsafe(chunkBytes), Buffer.allocUnsafe(chunkBytes)];
  const { size: sizeBefore, blocks } = await source.stat();
  const isSparse = blocks * 512 < sizeBefore - blockBytes;
  let written = 0;
  let filled = false;
  let position = 0;
  for (let isOver = false; !isOver; ) {
    signal?.throwIfAborted();
    const [read, had] = await Promise.all([fill(source, one, position), fill(earlier, other, position)]);
    const is = one.subarray(0, read);
    const was = other.subarray(0, had);
    if (!is.equals(was))
      for (const [from, to] of runsOf(is, was)) {
        await target.write(is, from, to - from, position + from);
        written += to - from;
        filled ||= isSparse && hasZeros(is.subarray(from, to));
      }
    position += read;
    isOver = read < chunkBytes;
  }
  await target.truncate(position);
  return { written, filled };
};

const attempt = async (
  { source, copy, target }: PatchPlaces,
  path: Buffer,
  signal: AbortSignal | undefined,
): Promise<Patched> => {
  const before = below(copy, path);
  const into = below(target, path);
  if (!(await lstat(before)).isFile()) throw new Error('there was no such file before');
  await mkdir(parentOf(into), { recursive: true, mode: 0o700 });
  await copyFile(before, into, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
  // What the source is now need not be a file any more; a pipe must not be waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using from = await open(below(source, path), flags);
  if (!(await from.stat()).isFile()) throw new Error('it is no file any more');
  await using earlier = await open(before, constants.O_RDONLY | constants.O_NOFOLLOW);
  await using to = await open(into, 'r+');
  return await writeChanges(from, earlier, to, signal);
};

/**
 * Makes `<target>/<path>` with the content of `<source>/<path>`: a clone of `<copy>/<path>`, which shares its
 * blocks, and over it what differs. Owner, mode, times and attributes are not set. Undefined, and nothing
 * left of it, when that cannot be for any reason: whoever copies it whole then finds out why. Rejects only
 * when it is interrupted.
 */
export const patchFile = async (
  places: PatchPlaces,
  path: Buffer,
  signal?: AbortSignal,
): Promise<Patched | undefined> => {
  try {
    return await attempt(places, path, signal);
  } catch {
    await rm(below(places.target, path), { force: true }).catch(() => undefined);
    signal?.throwIfAborted();
    return undefined;
  }
};
