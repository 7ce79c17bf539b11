import { printable } from '../entries/records.ts';

export interface Problem {
  /**
   * `checksum`: the content changed · `missing`: it is not there · `extra`: nothing says it belongs there ·
   * `manifest`, `sums`, `index`: that record is damaged, or the tree differs from it · `database`: the content
   * is as it was saved, and no sound database or dump.
   */
  readonly kind: 'checksum' | 'missing' | 'extra' | 'manifest' | 'sums' | 'index' | 'database';
  /** Relative to the snapshot folder; quoted with escapes where it is not printable. */
  readonly path: string;
  readonly message: string;
}

/** A database or a dump that nothing here could open: its checksum is right, more is not known. */
export interface Unchecked {
  readonly path: string;
  readonly why: string;
}

export interface Verification {
  readonly ok: boolean;
  readonly problems: readonly Problem[];
  /** How many there are, also those that are not told one by one. */
  readonly count: number;
  /** Files whose content was read and compared, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  /** Files whose content was not read, because a share of them was asked for. */
  readonly skipped: { readonly files: number; readonly bytes: number };
  /** Databases and dumps that were opened and are sound. */
  readonly opened: number;
  readonly unchecked: readonly Unchecked[];
  /** Files whose content is not what it was, as bytes below the snapshot: others may share them. */
  readonly damaged: readonly Buffer[];
}

/** So many problems are told one by one: a person reads the first ones, and memory has a bound. */
const told = 1000;

/** Collects what was found. */
export class Findings {
  readonly #problems: Problem[] = [];
  readonly #unchecked: Unchecked[] = [];
  readonly #damaged: Buffer[] = [];
  readonly #skipped = { files: 0, bytes: 0 };
  #count = 0;
  #files = 0;
  #bytes = 0;
  #opened = 0;

  add(kind: Problem['kind'], path: string, message: string): void {
    if (this.#count++ < told) this.#problems.push({ kind, path, message });
  }

  /** A file that cannot be read any more as it was written. */
  damaged(path: Buffer, message: string): void {
    this.add('checksum', printable(path), message);
    if (this.#damaged.length < told) this.#damaged.push(Buffer.from(path));
  }

  isDamaged(path: Buffer): boolean {
    return this.#damaged.some((one) => one.equals(path));
  }

  checked(bytes: number): void {
    this.#files++;
    this.#bytes += bytes;
  }

  skipped(bytes: number): void {
    this.#skipped.files++;
    this.#skipped.bytes += bytes;
  }

  opened(): void {
    this.#opened++;
  }

  unchecked(path: string, why: string): void {
    if (this.#unchecked.length < told) this.#unchecked.push({ path, why });
  }

  get verification(): Verification {
    const more = this.#count - this.#problems.length;
    const rest: Problem[] =
      more === 0 ? [] : [{ kind: 'sums', path: '', message: `and ${more} more problems` }];
    return {
      ok: this.#count === 0,
      problems: [...this.#problems, ...rest],
      count: this.#count,
      files: this.#files,
      bytes: this.#bytes,
      skipped: { ...this.#skipped },
      opened: this.#opened,
      unchecked: this.#unchecked,
      damaged: this.#damaged,
    };
  }
}
