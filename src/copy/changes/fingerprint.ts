/** Which of the fields of a record (`snapshot/entries/records`) count. The path always does. */
type Fields = 'source' | 'copy';

/** Fields of a record, in their order: type, mode, uid, gid, size, blocks, mtime, ctime, inode, links. */
const countsOf: Readonly<Record<Fields, readonly boolean[]>> = {
  // Blocks are given out late, and without a new change time: they say nothing about the content.
  source: [true, true, true, true, true, false, true, true, true, true],
  // What a copy can have in common with its source.
  copy: [true, true, true, true, true, false, true, false, false, false],
};
const sizeField = 4;
const mtimeField = 6;
const ctimeField = 7;

const slash = 0x2f;
const space = 0x20;
const dot = 0x2e;
const dash = 0x2d;
const zero = 0x30;
const letterOfDir = 0x64;

/** A moment of a file system's clock, in two numbers that fit a double. */
export interface FileMoment {
  /** Whole seconds since 1970. */
  readonly seconds: number;
  readonly ns: number;
}

/**
 * Reads a record where it lies, without making an object of it: a 64-bit fingerprint of what counts, and
 * the change time. Hundreds of thousands pass here while the services stand still. The seeds are random, so
 * that nobody who chooses the names of files can choose ones that collide.
 */
export class Fingerprint {
  readonly #seeds = crypto.getRandomValues(new Uint32Array(2));
  /** Set by `read` and `readPath`: unsigned 32-bit numbers. */
  low = 0;
  high = 0;
  #seconds = 0;
  #ns = 0;

  #begin(): void {
    this.low = this.#seeds[0] as number;
    this.high = this.#seeds[1] as number;
  }

  /** One step of two independent multiplicative hashes. */
  #take(byte: number): void {
    const low = Math.imul(this.low ^ byte, 0x01000193);
    this.low = low ^ (low >>> 15);
    const high = Math.imul(this.high + byte, 0x85ebca6b);
    this.high = high ^ (high >>> 13);
  }

  #end(): void {
    this.low >>>= 0;
    this.high >>>= 0;
  }

  /** Fingerprints a path alone. */
  readPath(path: Uint8Array): void {
    this.#begin();
    for (const byte of path) this.#take(byte);
    this.#end();
  }

  /** Fingerprints the record in `bytes[start..end)`, its NUL left out. */
  read(bytes: Uint8Array, start: number, end: number, fields: Fields): void {
    this.#begin();
    let at = start;
    for (; at < end && !(bytes[at] === slash && bytes[at + 1] === slash); at++)
      this.#take(bytes[at] as number);
    at = this.#readFields(bytes, at + 2, end, fields);
    for (; at < end; at++) this.#take(bytes[at] as number); // the target of a link
    this.#end();
  }

  /** Resolves with the place of the slash behind the fields. */
  #readFields(bytes: Uint8Array, start: number, end: number, fields: Fields): number {
    const counts = countsOf[fields];
    const isDir = bytes[start] === letterOfDir;
    let field = 0;
    let counted = true;
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === slash) break;
      if (byte === space) {
        field++;
        if (field === ctimeField) this.#readTime(bytes, at + 1);
        // The size of a folder is its file system's affair.
        counted = counts[field] === true && !(fields === 'copy' && isDir && field === sizeField);
        // A file system with a coarser clock cuts the fraction.
      } else if (byte === dot && fields === 'copy' && field === mtimeField) counted = false;
      if (counted) this.#take(byte);
    }
    return at;
  }

  /** `<seconds>.<fraction>`; find counts the fraction forward from the second, also before 1970. */
  #readTime(bytes: Uint8Array, start: number): void {
    let at = start;
    const isNegative = bytes[at] === dash;
    if (isNegative) at++;
    this.#seconds = 0;
    this.#ns = 0;
    for (; bytes[at] !== dot && bytes[at] !== space; at++)
      this.#seconds = this.#seconds * 10 + (bytes[at] as number) - zero;
    for (let digit = 1; digit <= 9 && bytes[at] === dot; digit++)
      this.#ns = this.#ns * 10 + (bytes[at + digit] as number) - zero;
    if (isNegative) this.#seconds = -this.#seconds;
  }

  /** Whether the record that was read last changed at this moment or later. */
  changedSince({ seconds, ns }: FileMoment): boolean {
    return this.#seconds > seconds || (this.#seconds === seconds && this.#ns >= ns);
  }
}
