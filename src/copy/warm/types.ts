import type { Captured } from '../changes/capture.ts';
import type { Fingerprint } from '../changes/fingerprint.ts';
import type { Seen } from '../changes/seen.ts';
import type { CopyTask } from '../types.ts';

/** The copy of a mount in an earlier complete snapshot, from which unchanged files are shared. */
export interface Base {
  /** Absolute path of the tree. */
  readonly tree: string;
  /** Absolute path of its index. */
  readonly index: string;
  /** Entries of the index whose change time is before this (ns since 1970) are as they were copied. */
  readonly settled: bigint;
}

/** A copy that was made while the services ran, and what is known of it. */
export interface WarmCopy {
  readonly task: CopyTask;
  /** The folder itself, links resolved. */
  readonly source: string;
  readonly fingerprint: Fingerprint;
  /** The entries of the source as they were when they were copied. */
  readonly seen: Seen;
  /** What is in the copy, where it is not certain that everything is. */
  readonly copied: Seen | undefined;
  /** Changes at this time (ns since 1970) or later may have been missed. */
  readonly since: bigint;
  /** Sorted records of what is in the copy. */
  readonly before: string;
  readonly base: Base | undefined;
}

/** What `finishCopy` has to bring the copy up to date with, once the services are back. */
export interface Delta {
  readonly captured: Captured;
  /** Sorted records of what was in the copy. */
  readonly before: string;
  /** Where the hashes of unchanged files stand. */
  readonly base: Base | undefined;
}
