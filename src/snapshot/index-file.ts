import { isUtf8 } from 'node:buffer';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import { writing } from '../base/disk.ts';
import { messageOf, StackBackupError } from '../base/errors.ts';
import { linesOf } from './checksums.ts';
import { decompressing } from './entries/plain.ts';
import { printable, type RecordEntry } from './entries/records.ts';
import type { EntryType, ManifestMount } from './types.ts';

/** A path or link text: itself when it is UTF-8, else its bytes. */
type Name = string | { readonly base64: string };

/** One line of an index. Times are ns since 1970, as decimal strings: they do not fit a JSON number. */
interface IndexLine {
  readonly path: Name;
  readonly type: EntryType;
  /** Octal, four digits at least: `0755`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: string;
  /** Change time and inode of the *source*: what a later snapshot compares with. */
  readonly ctime: string;
  readonly inode: string;
  readonly links: number;
  readonly sha256?: string;
  readonly target?: Name;
  /** In an archive of several files: the one that holds it. */
  readonly part?: number;
}

const nameOf = (bytes: Buffer): Name =>
  isUtf8(bytes) ? bytes.toString('utf8') : { base64: bytes.toString('base64') };

const bytesOf = (name: Name): Buffer =>
  typeof name === 'string' ? Buffer.from(name, 'utf8') : Buffer.from(name.base64, 'base64');

/** The line of one entry, with its newline. */
export const formatIndexLine = (entry: RecordEntry): string => {
  const line: IndexLine = {
    path: nameOf(entry.path),
    type: entry.type,
    mode: entry.mode.toString(8).padStart(4, '0'),
    uid: entry.uid,
    gid: entry.gid,
    size: entry.size,
    mtime: String(entry.mtimeNs),
    ctime: String(entry.ctimeNs),
    inode: String(entry.inode),
    links: entry.links,
    ...(entry.sha256 === undefined ? {} : { sha256: entry.sha256 }),
    ...(entry.target === undefined ? {} : { target: nameOf(entry.target) }),
    ...(entry.part === undefined ? {} : { part: entry.part }),
  };
  return `${JSON.stringify(line)}\n`;
};

const types = new Set<unknown>(['file', 'dir', 'symlink', 'fifo', 'socket', 'block', 'char']);

const isName = (value: unknown): value is Name =>
  typeof value === 'string' ||
  (typeof value === 'object' && value !== null && 'base64' in value && typeof value.base64 === 'string');

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

const isInteger = (value: unknown): boolean => typeof value === 'string' && /^-?\d{1,30}$/.test(value);

const isLine = (value: unknown): value is IndexLine => {
  if (typeof value !== 'object' || value === null) return false;
  const line = value as Partial<Record<keyof IndexLine, unknown>>;
  return (
    isName(line.path) &&
    types.has(line.type) &&
    typeof line.mode === 'string' &&
    /^[0-7]{4,5}$/.test(line.mode) &&
    [line.uid, line.gid, line.size, line.links].every(isCount) &&
    [line.mtime, line.ctime, line.inode].every(isInteger) &&
    (line.sha256 === undefined || /^[0-9a-f]{64}$/.test(String(line.sha256))) &&
    (line.target === undefined || isName(line.target)) &&
    (line.part === undefined || isCount(line.part))
  );
};

/** A path in an index comes from a file that anybody may have written: it must stay inside its tree. */
const isContained = (path: Buffer): boolean => {
  const text = path.toString('latin1');
  return (
    text === '' || (!text.includes('\0') && text.split('/').every((part) => !['', '.', '..'].includes(part)))
  );
};

/** The entry of one line; undefined when it is none. */
export const parseIndexLine = (text: string): RecordEntry | undefined => {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isLine(line)) return undefined;
  const path = bytesOf(line.path);
  if (!isContained(path)) return undefined;
  return {
    path,
    type: line.type,
    mode: Number.parseInt(line.mode, 8),
    uid: line.uid,
    gid: line.gid,
    size: line.size,
    blocks: 0,
    mtimeNs: BigInt(line.mtime),
    ctimeNs: BigInt(line.ctime),
    inode: BigInt(line.inode),
    links: line.links,
    ...(line.sha256 === undefined ? {} : { sha256: line.sha256 }),
    ...(line.target === undefined ? {} : { target: bytesOf(line.target) }),
    ...(line.part === undefined ? {} : { part: line.part }),
  };
};

/** What the index of a mount says: its root, and no more entries than its manifest says. */
export const readIndexOf = (
  folder: string,
  { index, entries }: Pick<ManifestMount, 'index' | 'entries'>,
): AsyncGenerator<readonly RecordEntry[], void, void> => readIndex(join(folder, index), entries + 1);

/** Writes an index (mode 0600); the file must not exist yet. The entries come in the order of sorted records. */
export const writeIndex = async (
  file: string,
  entries: AsyncIterable<readonly RecordEntry[]>,
  signal?: AbortSignal,
): Promise<void> => {
  const lines = async function* () {
    for await (const batch of entries) yield batch.map(formatIndexLine).join('');
  };
  const written = pipeline(
    Readable.from(lines()),
    createZstdCompress(),
    createWriteStream(file, { flags: 'wx', mode: 0o600 }),
    ...(signal === undefined ? [] : [{ signal }]),
  );
  await writing(file, written);
};

/**
 * What an index says, in its order, in constant memory. Rejects with `verify-failed` when it is damaged, or names
 * more than `most` entries: a small file can unpack to lines without end.
 */
export async function* readIndex(
  file: string,
  most = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly RecordEntry[], void, void> {
  const source = createReadStream(file);
  const plain = decompressing();
  // The outcome of the pipeline reaches the reader as the failure of its last stream.
  const done = pipeline(source, plain).catch(() => undefined);
  try {
    let number = 0;
    for await (const lines of linesOf(plain)) {
      const first = number + 1;
      number += lines.length;
      if (number > most) throw new Error('it has more entries than its manifest says');
      yield lines.map((line, place) => {
        const entry = parseIndexLine(line.toString('utf8'));
        if (entry === undefined) throw new Error(`line ${first + place} is not an entry`);
        return entry;
      });
    }
  } catch (thrown) {
    throw new StackBackupError(
      'verify-failed',
      `the index ${printable(Buffer.from(file))} is damaged: ${messageOf(thrown)}`,
      {
        cause: thrown,
        next: 'Use another snapshot or a replica; the tree itself may still be whole (see its checksums).',
      },
    );
  } finally {
    source.destroy();
    plain.destroy();
    await done;
  }
}
