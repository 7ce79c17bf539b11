/** Which of the fields of a record (`snapshot/entries/records`) count. The path always does. */
export type Fields = 'source' | 'copy';

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
  /** Set by `read`. */
  low = 0;
  high = 0;
  #seconds = 0;
  #ns = 0;

  /** Fingerprints the record in `bytes[start..end)`, its NUL left out. */
  read(bytes: Uint8Array, start: number, end: number, fields: Fields): void {
    let low = this.#seeds[0] as number;
    let high = this.#seeds[1] as number;
    const counts = countsOf[fields];
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === slash && bytes[at + 1] === slash) break;
      low = Math.imul(low ^ byte, 0x01000193);
      low ^= low >>> 15;
      high = Math.imul(high + byte, 0x85ebca6b);
      high ^= high >>> 13;
    }
    at += 2;
    const isDir = bytes[at] === letterOfDir;
    let field = 0;
    let counted = true;
    let inTarget = false;
    this.#seconds = 0;
    this.#ns = 0;
    let negative = false;
    let digits = -1;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (!inTarget) {
        if (byte === space) {
          field++;
          // The size of a folder is its file system's affair.
          counted = counts[field] === true && !(fields === 'copy' && isDir && field === sizeField);
        } else if (byte === slash) {
          inTarget = true;
          counted = true;
        } else if (field === ctimeField) {
          if (byte === dot) digits = 0;
          else if (byte === dash) negative = true;
          else if (digits < 0) this.#seconds = this.#seconds * 10 + byte - 48;
          else if (digits++ < 9) this.#ns = this.#ns * 10 + byte - 48;
        } else if (field === mtimeField && fields === 'copy' && byte === dot) {
          // A file system with a coarser clock cuts the fraction.
          counted = false;
        }
      }
      if (!counted) continue;
      low = Math.imul(low ^ byte, 0x01000193);
      low ^= low >>> 15;
      high = Math.imul(high + byte, 0x85ebca6b);
      high ^= high >>> 13;
    }
    if (negative) this.#seconds = -this.#seconds;
    this.low = low >>> 0;
    this.high = high >>> 0;
  }

  /** Whether the record that was read last changed at this moment or later. */
  changedSince({ seconds, ns }: FileMoment): boolean {
    return this.#seconds > seconds || (this.#seconds === seconds && this.#ns >= ns);
  }
}
