import { StackBackupError } from '../../../base/errors.ts';
import { blockSize, damaged } from './header.ts';

/** Most that PAX records and GNU long names of one member may take, headers and all; real ones take a few KiB. */
const metaLimit = 1024 * 1024;
/** Most that may follow the end of an archive: GNU tar fills its last record with up to 10 KiB of zeros. */
const trailingLimit = 1024 * 1024;

/** The most an archive may hold, as its index says: a small file can unpack to more than any disk has. */
export interface TarLimit {
  readonly members?: number;
  /** Content of all members together. */
  readonly bytes?: number;
  /** All of it, headers too. */
  readonly unpacked?: number;
}

const unlimited = {
  members: Number.POSITIVE_INFINITY,
  bytes: Number.POSITIVE_INFINITY,
  unpacked: Number.POSITIVE_INFINITY,
};

/** Throws as soon as an archive is more than it can be: whoever made it must not choose how long reading it takes. */
export class TarGuard {
  readonly #limit: Required<TarLimit>;
  #members = 0;
  #bytes = 0;
  #unpacked = 0;
  /** Metadata since the last member, and such that holds for all that follow. */
  #local = 0;
  #global = 0;
  #trailing = 0;

  constructor(limit: TarLimit = {}) {
    this.#limit = { ...unlimited, ...limit };
  }

  /** Before so many bytes of it are looked at. */
  unpacked(bytes: number): void {
    this.#unpacked += bytes;
    if (this.#unpacked > this.#limit.unpacked)
      throw new StackBackupError('verify-failed', 'the archive unpacks to far more than it can hold', {
        next: 'Whoever made it may mean harm. If it is your own, unpack it by hand (docs/how-it-works.md says how).',
      });
  }

  /** Before metadata of this kind (`g`: it holds for all members that follow) and size. */
  meta(kind: string, size: number): void {
    if (kind === 'g') this.#global += size + blockSize;
    else this.#local += size + blockSize;
    if (!(size >= 0 && Math.max(this.#global, this.#local) <= metaLimit))
      throw damaged('a name or PAX header is far too long');
  }

  /** Before the content of a member, which is so long. */
  member(size: number): void {
    this.#local = 0;
    this.#bytes += size;
    if (++this.#members > this.#limit.members || this.#bytes > this.#limit.bytes)
      throw new StackBackupError('verify-failed', 'the archive holds more than its index says', {
        next: 'Use another snapshot or a replica; `stack-backup verify` says what else is wrong.',
      });
  }

  /** After so many bytes behind its end. */
  trailing(bytes: number): void {
    this.#trailing += bytes;
    if (this.#trailing > trailingLimit) throw damaged('something follows its end');
  }
}
