import { createHash, type Hash, hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { StackBackupError } from '../../base/errors.ts';
import { printable } from '../../base/text/printable.ts';
import { formatRecord, type RecordEntry } from '../../snapshot/entries/records.ts';
import { PathSet } from '../changes/seen.ts';
import { belowTop } from './archive.ts';
import { compressInto } from './compress.ts';
import { TarReader } from './tar.ts';

const pieceBytes = 1024 * 1024;
/** Records are written when so much of them has come together. */
const recordBytes = 512 * 1024;
/** A tar ends with two blocks of zeros. */
const ending = Buffer.alloc(1024);

export interface FoldOptions {
  /** Plain archives; what a later one has replaces what an earlier one has. */
  readonly layers: readonly string[];
  /** What belongs into the result at all, by path below the root. */
  readonly wanted: PathSet;
  /** The `.tar.zst` to write; it must not exist. */
  readonly into: string;
  /** Where the records of its members go, in its order, files with their hashes. */
  readonly members: string;
  readonly signal?: AbortSignal;
}

export interface Folded {
  readonly entries: number;
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * Reads a file piece by piece. Two pieces of memory serve in turns, however large the file is: one may still be
 * needed while the next is read, but not when the one after that is.
 */
const eachPiece = async (
  path: string,
  signal: AbortSignal | undefined,
  take: (piece: Buffer) => Promise<void>,
): Promise<void> => {
  await using file = await open(path);
  const pieces = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)] as const;
  for (let turn = 0; ; turn = 1 - turn) {
    if (signal?.aborted) throw new StackBackupError('interrupted', `reading ${path} was interrupted`);
    const piece = pieces[turn as 0 | 1];
    const { bytesRead } = await file.read(piece, 0, pieceBytes);
    if (bytesRead === 0) return;
    await take(piece.subarray(0, bytesRead));
  }
};

interface Member {
  readonly entry: RecordEntry;
  readonly raw: readonly Buffer[];
}

/** What a layer has: its paths below the top, and its folders whole, by path as Latin-1. */
interface Contents {
  readonly paths: PathSet;
  readonly folders: ReadonlyMap<string, Member>;
}

const contentsOf = async (file: string, signal: AbortSignal | undefined): Promise<Contents> => {
  const paths = new PathSet();
  const folders = new Map<string, Member>();
  let raw: Buffer[] | undefined;
  const reader = new TarReader({
    entry: (member) => {
      const path = belowTop(member.path);
      paths.add(path);
      raw = member.type === 'dir' ? [] : undefined;
      if (raw !== undefined) folders.set(path.toString('latin1'), { entry: { ...member, path }, raw });
    },
    raw: (chunk) => raw?.push(Buffer.from(chunk)),
  });
  await eachPiece(file, signal, async (piece) => reader.push(piece));
  reader.end();
  return { paths, folders };
};

/** Bytes one after the other, of which many lie side by side in memory already: those are one part. */
class Parts {
  #parts: Buffer[] = [];

  add(part: Buffer): void {
    const last = this.#parts.at(-1);
    if (last?.buffer === part.buffer && last.byteOffset + last.length === part.byteOffset)
      this.#parts[this.#parts.length - 1] = Buffer.from(
        last.buffer,
        last.byteOffset,
        last.length + part.length,
      );
    else this.#parts.push(part);
  }

  take(): readonly Buffer[] {
    const taken = this.#parts;
    this.#parts = [];
    return taken;
  }
}

/** SHA-256 of one member. Most are small and come in one part: then one call is enough. */
class ContentHash {
  #only: Buffer | undefined;
  #state: Hash | undefined;

  update(part: Buffer): void {
    if (this.#state !== undefined) this.#state.update(part);
    else if (this.#only === undefined) this.#only = part;
    else {
      this.settle();
      this.update(part);
    }
  }

  /** What it was given is not needed any more. */
  settle(): void {
    if (this.#only === undefined) return;
    this.#state = createHash('sha256').update(this.#only);
    this.#only = undefined;
  }

  digest(): string {
    return this.#state?.digest('hex') ?? hash('sha256', this.#only ?? nothing, 'hex');
  }
}

const nothing = Buffer.alloc(0);

/** Picks the members that count out of one layer after the other: their bytes, and what they are. */
class Picker {
  readonly #wanted: PathSet;
  #later: readonly Contents[] = [];
  /** Folders that a later layer has, and that stand in the result already. */
  readonly #early = new Set<string>();
  #keeps = false;
  #hash: ContentHash | undefined;
  #entry: RecordEntry | undefined;
  readonly #raw = new Parts();
  #records: Buffer[] = [];
  recordBytes = 0;
  entries = 0;

  constructor(wanted: PathSet) {
    this.#wanted = wanted;
  }

  reader(later: readonly Contents[]): TarReader {
    this.#later = later;
    return new TarReader({
      entry: (entry) => this.#begin(entry),
      data: (chunk) => this.#hash?.update(chunk),
      end: () => this.#end(),
      raw: (chunk) => {
        if (this.#keeps) this.#raw.add(chunk);
      },
    });
  }

  #begin(member: RecordEntry): void {
    const path = belowTop(member.path);
    const isLatest = !this.#later.some(({ paths }) => paths.has(path));
    this.#keeps = this.#wanted.has(path) && isLatest && !this.#early.has(path.toString('latin1'));
    this.#hash = undefined;
    if (member.type === 'dir' && !isLatest) this.#bringForward(path);
    if (!this.#keeps) return;
    this.entries++;
    const isLink = member.type === 'file' && member.target !== undefined;
    if (isLink) this.#assertCarried(path, belowTop(member.target as Buffer));
    this.#entry = { ...member, path, ...(isLink && { target: belowTop(member.target as Buffer) }) };
    if (member.type === 'file' && !isLink) this.#hash = new ContentHash();
  }

  /** A link whose bytes stand under a name that is not kept would be an archive that cannot be unpacked. */
  #assertCarried(path: Buffer, target: Buffer): void {
    if (this.#wanted.has(target) && !this.#later.some(({ paths }) => paths.has(target))) return;
    throw new StackBackupError(
      'copy-failed',
      `${printable(path.toString())} is the same file as ${printable(target.toString())}, which was moved away while it was copied`,
      { next: 'Run the backup again.' },
    );
  }

  /** A folder as a later layer has it, in the place of its first: it has to come before what lies in it. */
  #bringForward(path: Buffer): void {
    const name = path.toString('latin1');
    const latest = this.#later.findLast(({ paths }) => paths.has(path))?.folders.get(name);
    if (latest === undefined || this.#early.has(name) || !this.#wanted.has(path)) return;
    this.#early.add(name);
    this.entries++;
    for (const part of latest.raw) this.#raw.add(part);
    this.#note(latest.entry);
  }

  #end(): void {
    if (!this.#keeps || this.#entry === undefined) return;
    const sha256 = this.#hash?.digest();
    this.#hash = undefined;
    this.#note(sha256 === undefined ? this.#entry : { ...this.#entry, sha256 });
  }

  #note(entry: RecordEntry): void {
    const record = formatRecord(entry);
    this.#records.push(record);
    this.recordBytes += record.length;
  }

  /** The bytes that have come together since it was asked last; they lie where they were read. */
  take(): readonly Buffer[] {
    this.#hash?.settle();
    return this.#raw.take();
  }

  /** What has come together since it was asked last. */
  takeRecords(): Buffer {
    const taken = Buffer.concat(this.#records);
    this.#records = [];
    this.recordBytes = 0;
    return taken;
  }
}

/** The records of the members, put into their file a good many at a time. */
const keepRecords = async (file: FileHandle, picker: Picker, least: number): Promise<void> => {
  if (picker.recordBytes > least) await file.writeFile(picker.takeRecords());
};

/**
 * Makes one compressed archive out of layers, without unpacking anything: of each path the last member, if it
 * is wanted. All names of a hard-linked file are in one layer, so a link never loses the name it points to.
 * While one piece is compressed, the next is read and looked through.
 */
export const foldLayers = async (options: FoldOptions): Promise<Folded> => {
  const { layers, wanted, into, members, signal } = options;
  const later: Contents[] = [];
  for (const layer of layers.slice(1)) later.push(await contentsOf(layer, signal));
  const picker = new Picker(wanted);
  await using records = await open(members, 'wx', 0o600);
  await using archive = await compressInto(into);
  let compressing = Promise.resolve();
  const compress = async (parts: readonly Buffer[]): Promise<void> => {
    for (const part of parts) await archive.write(part);
  };
  for (const [number, layer] of layers.entries()) {
    const reader = picker.reader(later.slice(number));
    await eachPiece(layer, signal, async (piece) => {
      reader.push(piece);
      await keepRecords(records, picker, recordBytes);
      await compressing; // from here on the piece before is not needed
      compressing = compress(picker.take());
      compressing.catch(() => undefined); // it is awaited
    });
    await compressing;
    reader.end();
  }
  await archive.write(ending);
  await keepRecords(records, picker, 0);
  return { entries: picker.entries, ...(await archive.finish()) };
};
