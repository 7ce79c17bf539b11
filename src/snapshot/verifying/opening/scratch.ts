import { constants, copyFile, lstat, mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { freeSpace, removeTree } from '../../../base/disk.ts';
import { messageOf } from '../../../base/errors.ts';
import type { Opened, Openers, SnapshotReaders } from '../options.ts';

/** Where the bytes of one file of an archive are. */
export interface Member {
  /** Absolute path of the file of the archive. */
  readonly file: string;
  readonly path: Buffer;
  readonly size: number;
}

interface Place {
  readonly folder: string;
  readonly work: string;
  readonly readers: SnapshotReaders;
  readonly signal?: AbortSignal;
}

/** Members are taken out of an archive so many at a time: it is read once for all of them. */
const batchFiles = 64;
const batchBytes = 1024 ** 3;
/** What opening it may add: a log that is carried over, at most as large as itself. */
const growth = 2;

const roomFor = async (work: string, bytes: number): Promise<string | undefined> => {
  const free = await freeSpace(work);
  return bytes * growth < free.bytes
    ? undefined
    : `there is no room for a copy of it in ${work}: TMPDIR may name another place`;
};

const plainSize = async (path: Buffer): Promise<number | undefined> => {
  try {
    const stats = await lstat(path);
    return stats.isFile() ? stats.size : undefined;
  } catch {
    return undefined; // there is none
  }
};

/** Copies of a database and what belongs to it, in a folder of their own; disposing of it removes them. */
export class Scratch implements AsyncDisposable {
  readonly #folder: string;
  /** Why there are none. */
  readonly #failure: string | undefined;

  private constructor(folder: string, failure?: string) {
    this.#folder = folder;
    this.#failure = failure;
  }

  static #named = (folder: string, end: string): string => join(folder, `copy${end}`);

  /** Of a file in the snapshot (path below it) and those beside it whose names go on with one of these endings. */
  static async ofTree({ folder, work }: Place, path: Buffer, endings: readonly string[]): Promise<Scratch> {
    const into = await mkdtemp(join(work, 'open-'));
    const found: { readonly end: string; readonly from: Buffer; readonly size: number }[] = [];
    for (const end of endings) {
      const from = Buffer.concat([Buffer.from(`${folder}/`), path, Buffer.from(end)]);
      const size = await plainSize(from);
      if (size !== undefined) found.push({ end, from, size });
    }
    const short = await roomFor(
      work,
      found.reduce((sum, { size }) => sum + size, 0),
    );
    if (short !== undefined) return new Scratch(into, short);
    try {
      for (const { end, from } of found)
        await copyFile(from, Scratch.#named(into, end), constants.COPYFILE_FICLONE);
    } catch (thrown) {
      return new Scratch(into, `it cannot be copied: ${messageOf(thrown)}`);
    }
    return new Scratch(into);
  }

  /** Of members of an archive, one after the other, in as few passes over its files as fit the room. */
  static async *ofArchive(
    place: Place,
    paths: readonly string[],
    endings: readonly string[],
    known: ReadonlyMap<string, Member>,
  ): AsyncGenerator<{ readonly path: string; readonly scratch: Scratch }, void, void> {
    const sizeOf = (path: string): number =>
      endings.reduce((sum, end) => sum + (known.get(path + end)?.size ?? 0), 0);
    for (let at = 0; at < paths.length; ) {
      const batch: string[] = [];
      for (let bytes = 0; at < paths.length && batch.length < batchFiles; at++) {
        const path = paths[at] as string;
        bytes += sizeOf(path);
        if (batch.length > 0 && bytes > batchBytes) break;
        batch.push(path);
      }
      yield* Scratch.#batch(
        place,
        batch,
        endings,
        known,
        batch.reduce((sum, path) => sum + sizeOf(path), 0),
      );
    }
  }

  static async *#batch(
    { work, readers, signal }: Place,
    paths: readonly string[],
    endings: readonly string[],
    known: ReadonlyMap<string, Member>,
    bytes: number,
  ): AsyncGenerator<{ readonly path: string; readonly scratch: Scratch }, void, void> {
    const into = await mkdtemp(join(work, 'members-'));
    try {
      let failure = await roomFor(work, bytes);
      const wanted = paths.flatMap((path, place) =>
        endings.flatMap((end) => {
          const member = known.get(path + end);
          const folder = join(into, String(place));
          return member === undefined ? [] : [{ ...member, folder, into: Scratch.#named(folder, end) }];
        }),
      );
      try {
        for (const { folder } of wanted) await mkdir(folder, { recursive: true, mode: 0o700 });
        if (failure === undefined)
          for (const [file, members] of Map.groupBy(wanted, (one) => one.file))
            await readers.extract(file, members, signal);
      } catch (thrown) {
        if (signal?.aborted) throw thrown;
        failure = `it cannot be unpacked: ${messageOf(thrown)}`;
      }
      for (const [place, path] of paths.entries())
        yield { path, scratch: new Scratch(join(into, String(place)), failure) };
    } finally {
      await removeTree(into);
    }
  }

  /** What comes of opening it. */
  async opened(open: Openers['sqlite'] | undefined, signal: AbortSignal | undefined): Promise<Opened> {
    if (this.#failure !== undefined || open === undefined)
      return { is: 'unknown', why: this.#failure ?? 'nothing opens it' };
    return open(Scratch.#named(this.#folder, ''), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.#folder);
  }
}
