import type { RecordEntry } from '../../snapshot/entries/records.ts';
import { TarGuard, type TarLimit } from './tar/guard.ts';
import { blockSize, checkSum, damaged, numberAt, zeros } from './tar/header.ts';
import { memberOf } from './tar/member.ts';
import { parsePax } from './tar/pax.ts';

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

const copyOf = (part: Buffer): Buffer => Buffer.from(part);

const joined = (first: Buffer | undefined, others: readonly Buffer[]): Buffer =>
  Buffer.concat(first === undefined ? [] : [first, ...others]);

/** Bytes between a member's content and the next header. */
const paddingOf = (size: number): number => (blockSize - (size % blockSize)) % blockSize;

type State = 'header' | 'meta' | 'body' | 'padding' | 'ended';

/**
 * Reads a tar (ustar, PAX, GNU long names) pushed to it in chunks, in constant memory, names as bytes. The
 * library `tar` is not used: it takes names for UTF-8, drops PAX records that hold a newline and times below
 * a millisecond, and takes a file whose plain name happens to end with a slash for a folder without content.
 * Whatever it does not understand, that ends early, or goes beyond `limit`, is an error as soon as that is known:
 * nothing is skipped. `end` must be called.
 */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #guard: TarGuard;
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

  constructor(handler: TarHandler, limit?: TarLimit) {
    this.#handler = handler;
    this.#guard = new TarGuard(limit);
  }

  /** What is told of a chunk may point into it: it must not change before `push` has returned. */
  push(chunk: Buffer): void {
    this.#guard.unpacked(chunk.length);
    let at = 0;
    while (at < chunk.length && this.#state !== 'ended') {
      const part = chunk.subarray(at, at + this.#wanted);
      at += part.length;
      this.#wanted -= part.length;
      if (this.#handler.raw !== undefined) this.#pass(part);
      if (this.#state === 'body') this.#handler.data?.(part);
      else if (this.#state !== 'padding') this.#held.push(part);
      if (this.#wanted === 0) this.#complete();
    }
    this.#guard.trailing(chunk.length - at);
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
    else this.#member(block);
  }

  #expectMeta(flag: string, size: number): void {
    this.#guard.meta(flag, size);
    this.#metaKind = flag;
    this.#padding = paddingOf(size);
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

  #member(block: Buffer): void {
    const pax = this.#global.size === 0 ? this.#local : new Map([...this.#global, ...this.#local]);
    this.#local = new Map();
    const entry = memberOf(block, pax);
    const attributes = [...pax.keys()].filter((key) => key.startsWith(xattrKey));
    this.#handler.entry(
      entry,
      attributes.map((key) => key.slice(xattrKey.length)),
      pax,
    );
    // After whoever listens: that one may know which member is not what it should be.
    this.#guard.member(entry.size);
    for (const part of this.#ahead) this.#handler.raw?.(part);
    this.#ahead = [];
    this.#inMember = true;
    this.#padding = paddingOf(entry.size);
    if (entry.size > 0) this.#expect('body', entry.size);
    else {
      this.#handler.end?.();
      this.#expect('header', blockSize);
    }
  }
}
