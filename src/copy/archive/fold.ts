import { type FileHandle, open } from 'node:fs/promises';
import type { PathSet } from '../changes/seen.ts';
import { compressInto } from './compress.ts';
import { type Contents, contentsOf, eachPiece } from './fold/layer.ts';
import { Picker } from './fold/picker.ts';

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
