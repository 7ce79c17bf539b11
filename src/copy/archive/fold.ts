import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { StackBackupError } from '../../base/errors.ts';
import { formatRecord, type RecordEntry } from '../../snapshot/entries/records.ts';
import { PathSet } from '../changes/path-set.ts';
import { belowTop } from './archive.ts';
import { TarReader } from './tar.ts';

const chunkBytes = 256 * 1024;
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

async function* chunksOf(file: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer, void, void> {
  for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes })) {
    if (signal?.aborted) throw new StackBackupError('interrupted', `reading ${file} was interrupted`);
    yield chunk as Buffer;
  }
}

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
  for await (const chunk of chunksOf(file, signal)) reader.push(chunk);
  reader.end();
  return { paths, folders };
};

/** Picks the members that count out of one layer after the other: their bytes, and what they are. */
class Picker {
  readonly #wanted: PathSet;
  #later: readonly Contents[] = [];
  /** Folders that a later layer has, and that stand in the result already. */
  readonly #early = new Set<string>();
  #keeps = false;
  #hash: Hash | undefined;
  #entry: RecordEntry | undefined;
  #raw: Buffer[] = [];
  #records: Buffer[] = [];
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
        if (this.#keeps) this.#raw.push(chunk);
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
    this.#entry = { ...member, path, ...(isLink && { target: belowTop(member.target as Buffer) }) };
    if (member.type === 'file' && !isLink) this.#hash = createHash('sha256');
  }

  /** A folder as a later layer has it, in the place of its first: it has to come before what lies in it. */
  #bringForward(path: Buffer): void {
    const name = path.toString('latin1');
    const latest = this.#later.findLast(({ paths }) => paths.has(path))?.folders.get(name);
    if (latest === undefined || this.#early.has(name) || !this.#wanted.has(path)) return;
    this.#early.add(name);
    this.entries++;
    this.#raw.push(...latest.raw);
    this.#records.push(formatRecord(latest.entry));
  }

  #end(): void {
    if (!this.#keeps || this.#entry === undefined) return;
    const sha256 = this.#hash?.digest('hex');
    this.#records.push(formatRecord(sha256 === undefined ? this.#entry : { ...this.#entry, sha256 }));
  }

  /** What has come together since it was asked last. */
  take(): { readonly raw: Buffer; readonly records: Buffer } {
    const taken = { raw: Buffer.concat(this.#raw), records: Buffer.concat(this.#records) };
    this.#raw = [];
    this.#records = [];
    return taken;
  }
}

/**
 * Makes one compressed archive out of layers, without unpacking anything: of each path the last member, if it
 * is wanted. All names of a hard-linked file are in one layer, so a link never loses the name it points to.
 */
export const foldLayers = async (options: FoldOptions): Promise<Folded> => {
  const { layers, wanted, into, members, signal } = options;
  const later: Contents[] = [];
  for (const layer of layers.slice(1)) later.push(await contentsOf(layer, signal));
  const picker = new Picker(wanted);
  const records = await open(members, 'wx', 0o600);
  const raw = async function* () {
    for (const [number, layer] of layers.entries()) {
      const reader = picker.reader(later.slice(number));
      for await (const chunk of chunksOf(layer, signal)) {
        reader.push(chunk);
        const taken = picker.take();
        if (taken.records.length > 0) await records.writeFile(taken.records);
        if (taken.raw.length > 0) yield taken.raw;
      }
      reader.end();
    }
    yield ending;
  };
  const sum = createHash('sha256');
  const summed = async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      sum.update(chunk);
      yield chunk;
    }
  };
  try {
    await pipeline(
      Readable.from(raw()),
      createZstdCompress({ chunkSize: chunkBytes, params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
      summed,
      createWriteStream(into, { flags: 'wx', mode: 0o600 }),
      ...(signal === undefined ? [] : [{ signal }]),
    );
  } finally {
    await records.close();
  }
  return { entries: picker.entries, sha256: sum.digest('hex'), bytes: (await stat(into)).size };
};
