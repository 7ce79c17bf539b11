import { printable } from '../entries/records.ts';

export interface Problem {
  /**
   * `checksum`: the content changed · `missing`: it is not there · `extra`: nothing says it belongs there ·
   * `manifest`, `sums`, `index`: that record is damaged, or the tree differs from it.
   */
  readonly kind: 'checksum' | 'missing' | 'extra' | 'manifest' | 'sums' | 'index';
  /** Relative to the snapshot folder; quoted with escapes where it is not printable. */
  readonly path: string;
  readonly message: string;
}

export interface Verification {
  readonly ok: boolean;
  readonly problems: readonly Problem[];
  /** Files whose content was read and compared, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  /** Files whose content is not what it was, as bytes below the snapshot: others may share them. */
  readonly damaged: readonly Buffer[];
}

/** So many problems are told one by one: a person reads the first ones, and memory has a bound. */
const told = 1000;

/** Collects what was found. */
export class Findings {
  readonly #problems: Problem[] = [];
  #more = 0;
  #files = 0;
  #bytes = 0;
  readonly #damaged: Buffer[] = [];

  add(kind: Problem['kind'], path: string, message: string): void {
    if (this.#problems.length < told) this.#problems.push({ kind, path, message });
    else this.#more++;
  }

  /** A file that cannot be read any more as it was written. */
  damaged(path: Buffer, message: string): void {
    this.add('checksum', printable(path), message);
    if (this.#damaged.length < told) this.#damaged.push(Buffer.from(path));
  }

  checked(bytes: number): void {
    this.#files++;
    this.#bytes += bytes;
  }

  get verification(): Verification {
    const rest: Problem[] =
      this.#more === 0 ? [] : [{ kind: 'sums', path: '', message: `and ${this.#more} more problems` }];
    const problems = [...this.#problems, ...rest];
    return {
      ok: problems.length === 0,
      problems,
      files: this.#files,
      bytes: this.#bytes,
      damaged: this.#damaged,
    };
  }
}
