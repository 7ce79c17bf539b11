import { StackBackupError } from '../../base/errors.ts';
import { printable, type RecordEntry } from '../../snapshot/entries/records.ts';
import type { EntryType } from '../types.ts';

const blockSize = 512;
const zeros = Buffer.alloc(blockSize);
/** Longest list of PAX records or GNU long name that is taken; real ones are a few KiB. */
const metaLimit = 1024 * 1024;

const xattrKey = 'SCHILY.xattr.';

/** What a tar reader tells. */
export interface TarHandler {
  /**
   * A member. A hard link is a file without content whose `target` is the first name. `attributes` names its
   * extended attributes, where the archive keeps any (GNU tar, star: PAX keys `SCHILY.xattr.…`); `records`
   * are all PAX records that hold for it.
   */
  entry(entry: RecordEntry, attributes: readonly string[], records: ReadonlyMap<string, Buffer>): void;
  /** Content of the last member, if that is a file. */
  data?(chunk: Buffer): void;
  /** The content of the last member is complete; called for every member. */
  end?(): void;
  /** The bytes of the last member as they stand in the archive, headers and padding too, after `entry`. */
  raw?(chunk: Buffer): void;
}

const damaged = (why: string): StackBackupError =>
  new StackBackupError('copy-failed', `the archive is damaged: ${why}`, {
    next: 'Run the backup again; nothing of this one was kept.',
  });

const typeOfFlag: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'file',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
};

const text = (block: Buffer, start: number, length: number): Buffer => {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return end === -1 ? field : field.subarray(0, end);
};

const space = 0x20;

/** Octal digits, with spaces around them, up to a NUL. Read where they stand: there are several a member. */
const octalAt = (block: Buffer, start: number, length: number): number => {
  const end = start + length;
  let at = start;
  let value = 0;
  while (at < end && block[at] === space) at++;
  for (; at < end; at++) {
    const digit = (block[at] as number) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  while (at < end && block[at] === space) at++;
  if (at < end && block[at] !== 0) throw damaged('a number in a header does not parse');
  return value;
};

/**
 * A number of a header: octal text, or big-endian two's complement when the first bit is set (GNU). It is
 * not exact, and no safe integer, beyond 2^53.
 */
const numberAt = (block: Buffer, start: number, length: number): number => {
  if (((block[start] ?? 0) & 0x80) === 0) return octalAt(block, start, length);
  const bits = length * 8 - 1;
  const field = block.toString('hex', start, start + length);
  const value = BigInt(`0x${field}`) & ((1n << BigInt(bits)) - 1n);
  return Number(BigInt.asIntN(bits, value));
};

/** The sum of all bytes of a header, its own field counted as spaces (POSIX ustar, "chksum"). */
const checkSum = (block: Buffer): void => {
  let sum = 8 * space;
  for (let at = 0; at < blockSize; at++) sum += block[at] as number;
  for (let at = 148; at < 156; at++) sum -= block[at] as number;
  if (sum !== numberAt(block, 148, 8)) throw damaged('a header has the wrong checksum');
};

const ustar = Buffer.from('ustar\0', 'latin1');

const rawName = (block: Buffer): Buffer => {
  const name = text(block, 0, 100);
  // POSIX ustar keeps the front of a long name apart; the old GNU form has other things there.
  const isPosix = block.compare(ustar, 0, ustar.length, 257, 257 + ustar.length) === 0;
  const prefix = isPosix ? text(block, 345, 155) : zeros.subarray(0, 0);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
};

/** `<length> <key>=<value>\n`, the length counting all of it (POSIX pax, "Extended Header"). */
const parsePax = (bytes: Buffer): Map<string, Buffer> => {
  const records = new Map<string, Buffer>();
  for (let start = 0; start < bytes.length; ) {
    const gap = bytes.indexOf(space, start);
    const length = Number(bytes.toString('latin1', start, gap));
    const end = start + length;
    const equals = bytes.indexOf(0x3d, gap);
    if (
      gap < 0 ||
      !(length > 0) ||
      end > bytes.length ||
      equals < 0 ||
      equals >= end ||
      bytes[end - 1] !== 10
    )
      throw damaged('a PAX record does not parse');
    records.set(bytes.toString('latin1', gap + 1, equals), bytes.subarray(equals + 1, end - 1));
    start = end;
  }
  return records;
};

/** ns since 1970 of a decimal number of seconds, which may be negative. */
const decimalNs = (value: string): bigint => {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value);
  if (match === null) throw damaged('a time does not parse');
  const ns = BigInt(match[2] ?? 0) * 1_000_000_000n + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  return match[1] === '-' ? -ns : ns;
};

const withoutSlash = (path: Buffer): Buffer => {
  let end = path.length;
  while (end > 1 && path[end - 1] === 0x2f) end--;
  return path.subarray(0, end);
};

const copyOf = (part: Buffer): Buffer => Buffer.from(part);

const joined = (first: Buffer | undefined, others: readonly Buffer[]): Buffer =>
  Buffer.concat(first === undefined ? [] : [first, ...others]);

type State = 'header' | 'meta' | 'body' | 'padding' | 'ended';

/**
 * Reads a tar (ustar, PAX, GNU long names) pushed to it in chunks, in constant memory, names as bytes. The
 * library `tar` is not used: it takes names for UTF-8, drops PAX records that hold a newline and times below
 * a millisecond, and takes a file whose plain name happens to end with a slash for a folder without content.
 * Whatever it does not understand, or that ends early, is an error: nothing is skipped. `end` must be called.
 */
export class TarReader {
  readonly #handler: TarHandler;
  #state: State = 'header';
  /** Bytes of the present header or metadata collected so far. */
  #held: Buffer[] = [];
  #wanted = blockSize;
  #padding = 0;
  #metaKind = '';
  #zeroBlocks = 0;
  #global = new Map<string, Buffer>();
  #local = new Map<string, Buffer>();
  /** Bytes read since the last member: they belong to the next one. */
  #ahead: Buffer[] = [];
  #inMember = false;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** What is told of a chunk may point into it: it must not change before `push` has returned. */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && this.#state !== 'ended'; ) {
      const part = chunk.subarray(at, at + this.#wanted);
      at += part.length;
      this.#wanted -= part.length;
      if (this.#handler.raw !== undefined) this.#pass(part);
      if (this.#state === 'body') this.#handler.data?.(part);
      else if (this.#state !== 'padding') this.#held.push(part);
      if (this.#wanted === 0) this.#complete();
    }
    this.#held = this.#held.map(copyOf);
    this.#ahead = this.#ahead.map(copyOf);
  }

  /** Throws when the archive has not ended properly (two blocks of zeros). */
  end(): void {
    if (this.#state !== 'ended') throw damaged('it ends early');
  }

  #complete(): void {
    const [first, ...others] = this.#held;
    this.#held = [];
    switch (this.#state) {
      case 'header':
        this.#header(first === undefined || others.length > 0 ? joined(first, others) : first);
        break;
      case 'meta':
        this.#meta(joined(first, others)); // what it says is needed when the chunk has gone
        this.#pad();
        break;
      case 'body':
        this.#handler.end?.();
        this.#pad();
        break;
      default:
        this.#expect('header', blockSize);
    }
  }

  #pass(part: Buffer): void {
    if (this.#inMember) this.#handler.raw?.(part);
    else this.#ahead.push(part);
  }

  #expect(state: State, bytes: number): void {
    if (state === 'header') this.#inMember = false;
    this.#state = state;
    this.#wanted = bytes;
  }

  #pad(): void {
    if (this.#padding > 0) this.#expect('padding', this.#padding);
    else this.#expect('header', blockSize);
  }

  #header(block: Buffer): void {
    if (block.equals(zeros)) {
      this.#zeroBlocks++;
      this.#expect(this.#zeroBlocks === 2 ? 'ended' : 'header', blockSize);
      return;
    }
    if (this.#zeroBlocks > 0) throw damaged('something follows its end');
    checkSum(block);
    const flag = String.fromCharCode(block[156] ?? 0);
    if ('xgLK'.includes(flag)) this.#expectMeta(flag, numberAt(block, 124, 12));
    else this.#member(flag, block);
  }

  #expectMeta(flag: string, size: number): void {
    if (!(size >= 0 && size <= metaLimit)) throw damaged('a name or PAX header is far too long');
    this.#metaKind = flag;
    this.#padding = (blockSize - (size % blockSize)) % blockSize;
    if (size === 0) this.#pad();
    else this.#expect('meta', size);
  }

  #meta(bytes: Buffer): void {
    const name = bytes.at(-1) === 0 ? bytes.subarray(0, bytes.indexOf(0)) : bytes;
    if (this.#metaKind === 'L') this.#local.set('path', name);
    else if (this.#metaKind === 'K') this.#local.set('linkpath', name);
    else {
      const into = this.#metaKind === 'g' ? this.#global : this.#local;
      for (const [key, value] of parsePax(bytes)) into.set(key, value);
    }
  }

  #member(flag: string, block: Buffer): void {
    const pax = this.#global.size === 0 ? this.#local : new Map([...this.#global, ...this.#local]);
    this.#local = new Map();
    const name = pax.get('path') ?? rawName(block);
    const type = name.at(-1) === 0x2f && flag <= '0' ? 'dir' : typeOfFlag[flag];
    if (name.length === 0) throw damaged('a member has no name');
    if (type === undefined || [...pax.keys()].some((key) => key.startsWith('GNU.sparse.')))
      throw damaged(`${printable(name)} is of a kind that is not understood`);
    const number = (key: 'size' | 'uid' | 'gid', at: number, length: number): number => {
      const given = pax.get(key);
      const value = given === undefined ? numberAt(block, at, length) : Number(given.toString('latin1'));
      if (!Number.isSafeInteger(value) || value < 0)
        throw damaged(`the ${key} of ${printable(name)} does not parse`);
      return value;
    };
    const isFile = type === 'file' && flag !== '1';
    const size = isFile ? number('size', 124, 12) : 0;
    const mtime = pax.get('mtime');
    const target =
      flag === '1' || type === 'symlink' ? (pax.get('linkpath') ?? text(block, 157, 100)) : undefined;
    const attributes = [...pax.keys()].filter((key) => key.startsWith(xattrKey));
    const entry: RecordEntry = {
      path: Buffer.from(withoutSlash(name)),
      type,
      mode: numberAt(block, 100, 8) & 0o7777,
      uid: number('uid', 108, 8),
      gid: number('gid', 116, 8),
      size,
      blocks: Math.ceil(size / blockSize),
      mtimeNs: mtime
        ? decimalNs(mtime.toString('latin1'))
        : BigInt(numberAt(block, 136, 12)) * 1_000_000_000n,
      ctimeNs: 0n,
      inode: 0n,
      links: 1,
      ...(target === undefined ? {} : { target: Buffer.from(target) }),
    };
    this.#handler.entry(
      entry,
      attributes.map((key) => key.slice(xattrKey.length)),
      pax,
    );
    for (const part of this.#ahead) this.#handler.raw?.(part);
    this.#ahead = [];
    this.#inMember = true;
    this.#padding = (blockSize - (size % blockSize)) % blockSize;
    if (size > 0) this.#expect('body', size);
    else {
      this.#handler.end?.();
      this.#expect('header', blockSize);
    }
  }
}
