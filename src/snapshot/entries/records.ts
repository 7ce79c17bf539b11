import { createReadStream } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writing } from '../../base/disk.ts';
import { messageOf, StackBackupError } from '../../base/errors.ts';
import { run } from '../../base/process.ts';
import type { EntryType, WalkEntry } from '../types.ts';

/**
 * A record is one entry of a tree: `<path>//<fields>/<target>` and a NUL. A relative path never holds `//`
 * and never a NUL, the fields never hold a slash: every byte a name may have survives. GNU find writes it
 * as it is (see `recordFormat`), GNU sort orders it, and trees of any size pass through in constant memory.
 *
 * Order, wherever two sorted streams are merged: that of the bytes of `<path>//`. It differs from plain
 * path order only in where a folder stands among names that begin like its own.
 */
export const recordFormat = '%P//%y %m %U %G %s %b %T@ %C@ %i %n/%l\\0';

/** An entry, and the hash of its content where it is known. */
export type RecordEntry = WalkEntry & { readonly sha256?: string };

const typeOfLetter: Readonly<Record<string, EntryType>> = {
  f: 'file',
  d: 'dir',
  l: 'symlink',
  p: 'fifo',
  s: 'socket',
  b: 'block',
  c: 'char',
};
const letterOfType = Object.fromEntries(
  Object.entries(typeOfLetter).map(([letter, type]) => [type, letter]),
) as Readonly<Record<EntryType, string>>;

const slash = 0x2f;

/** ns since 1970 of `<seconds>.<fraction>`. find counts the fraction forward from the second, also before 1970. */
const nanoseconds = (text: string): bigint => {
  const dot = text.indexOf('.');
  if (dot < 0) return BigInt(text) * 1_000_000_000n;
  const fraction = text.slice(dot + 1, dot + 10).padEnd(9, '0');
  return text.charCodeAt(0) === 0x2d
    ? BigInt(text.slice(0, dot)) * 1_000_000_000n + BigInt(fraction)
    : BigInt(text.slice(0, dot) + fraction);
};

const broken = (cause?: unknown): StackBackupError =>
  new StackBackupError('copy-failed', 'the listing of a tree is damaged', {
    cause,
    next: 'Run the backup again; if it happens again, look at the disk that holds the backups.',
  });

/** The record in `bytes[start..end)`, its NUL left out. */
const parseRecord = (bytes: Buffer, start: number, end: number): RecordEntry => {
  let at = start;
  while (at < end && !(bytes[at] === slash && bytes[at + 1] === slash)) at++;
  let stop = at + 2;
  while (stop < end && bytes[stop] !== slash) stop++;
  const fields = bytes.toString('latin1', at + 2, stop).split(' ');
  const type = typeOfLetter[fields[0] ?? ''];
  if (type === undefined || fields.length < 10 || stop >= end) throw broken();
  // One object, not several put together: millions of records pass here.
  const entry: { -readonly [Key in keyof RecordEntry]: RecordEntry[Key] } = {
    path: bytes.subarray(start, at),
    type,
    mode: Number.parseInt(fields[1] ?? '', 8),
    uid: Number(fields[2]),
    gid: Number(fields[3]),
    size: Number(fields[4]),
    blocks: Number(fields[5]),
    mtimeNs: nanoseconds(fields[6] ?? ''),
    ctimeNs: nanoseconds(fields[7] ?? ''),
    inode: BigInt(fields[8] ?? ''),
    links: Number(fields[9]),
  };
  if (stop + 1 < end) entry.target = Buffer.from(bytes.subarray(stop + 1, end));
  if (fields[10] !== undefined) entry.sha256 = fields[10];
  return entry;
};

/** The bytes of one record, as `parseRecords` reads it. */
export const formatRecord = (entry: RecordEntry): Buffer => {
  const time = (ns: bigint): string => {
    const fraction = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    return `${(ns - fraction) / 1_000_000_000n}.${String(fraction).padStart(9, '0')}0`;
  };
  const fields = [
    letterOfType[entry.type],
    entry.mode.toString(8),
    entry.uid,
    entry.gid,
    entry.size,
    entry.blocks,
    time(entry.mtimeNs),
    time(entry.ctimeNs),
    entry.inode,
    entry.links,
    ...(entry.sha256 === undefined ? [] : [entry.sha256]),
  ].join(' ');
  const { path, target } = entry;
  const text = `//${fields}/`;
  const record = Buffer.allocUnsafe(path.length + text.length + (target?.length ?? 0) + 1);
  record.set(path);
  record.write(text, path.length, 'latin1');
  if (target !== undefined) record.set(target, path.length + text.length);
  record[record.length - 1] = 0;
  return record;
};

/** The path of the record in `bytes[start..end)`. */
const pathOf = (bytes: Buffer, start: number, end: number): Buffer => {
  let at = start;
  while (at < end && !(bytes[at] === slash && bytes[at + 1] === slash)) at++;
  return bytes.subarray(start, at);
};

/** What `read` makes of each record of a stream, in its order, a batch for each chunk. */
async function* each<T>(
  source: AsyncIterable<Buffer> | Iterable<Buffer>,
  read: (bytes: Buffer, start: number, end: number) => T,
): AsyncGenerator<readonly T[], void, void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const batch: T[] = [];
    let start = 0;
    for (let end = bytes.indexOf(0, rest.length); end !== -1; end = bytes.indexOf(0, start)) {
      batch.push(read(bytes, start, end));
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (batch.length > 0) yield batch;
  }
  if (rest.length > 0) throw broken();
}

/** Entries of a stream of records, in its order, a batch for each chunk. Rejects when it ends within a record. */
export const parseRecords = (
  source: AsyncIterable<Buffer> | Iterable<Buffer>,
): AsyncGenerator<readonly RecordEntry[], void, void> => each(source, parseRecord);

/** Paths alone of a file of records, in its order: all that some want to know. */
export const readPaths = (file: string): AsyncGenerator<readonly Buffer[], void, void> =>
  each(createReadStream(file, { highWaterMark: 64 * 1024 }), pathOf);

/** Entries of a file of records, in its order. The file is opened when the first is asked for, not before. */
export async function* readRecords(file: string): AsyncGenerator<readonly RecordEntry[], void, void> {
  yield* parseRecords(createReadStream(file, { highWaterMark: 64 * 1024 }));
}

/** Up to here a file is sorted in memory: starting a program takes longer. */
const smallBytes = 1024 * 1024;

/** Sorts the records of a small file. */
const sortSmall = async (file: string): Promise<void> => {
  const bytes = await readFile(file);
  const records: Buffer[] = [];
  for (let start = 0, end = bytes.indexOf(0); end !== -1; start = end + 1, end = bytes.indexOf(0, start))
    records.push(bytes.subarray(start, end + 1));
  await writing(file, writeFile(file, Buffer.concat(records.sort(Buffer.compare))));
};

const unsortable = (why: string, cause?: unknown): StackBackupError =>
  new StackBackupError('copy-failed', `cannot sort a listing: ${why}`, {
    cause,
    next: 'Look at the free space of the folder named in the message.',
  });

/** Sorts a file of records in place, in bounded memory (external merge sort of GNU coreutils). */
export const sortRecords = async (file: string, signal?: AbortSignal): Promise<void> => {
  try {
    if ((await stat(file)).size <= smallBytes) return await sortSmall(file);
  } catch (thrown) {
    throw unsortable(messageOf(thrown), thrown);
  }
  const command = ['sort', '-z', '-S', '48M', '-T', dirname(file), '-o', file, '--', file];
  const result = await run(command, {
    env: { LC_ALL: 'C' },
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.exitCode !== 0) throw unsortable(result.stderr.trim());
};

/** The order of two paths in sorted records: below 0 when `a` comes first, 0 when they are equal. */
export const comparePaths = (a: Buffer, b: Buffer): number => {
  const common = Math.min(a.length, b.length);
  const order = a.compare(b, 0, common, 0, common);
  if (order !== 0 || a.length === b.length) return order;
  // The shorter one goes on with `//`. The longer one cannot have two slashes there.
  const [longer, sign] = a.length > b.length ? [a, 1] : [b, -1];
  const next = longer[common] ?? 0;
  const decisive = next === slash ? (longer[common + 1] ?? 0) : next;
  return (decisive < slash ? -1 : 1) * sign;
};

/** A path for people: as it is when it is printable UTF-8, else quoted with escapes. */
export const printable = (path: Buffer): string => {
  const text = path.toString('utf8');
  const clean = Buffer.from(text, 'utf8').equals(path) && !/[\u0000-\u001f\u007f-\u009f]/.test(text);
  if (clean) return text;
  const escaped = [...path].map((byte) =>
    byte >= 0x20 && byte < 0x7f && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, '0')}`,
  );
  return `'${escaped.join('')}'`;
};
