import type { Captured } from '../changes/capture.ts';
import type { Fingerprint } from '../changes/fingerprint.ts';
import type { Seen } from '../changes/seen.ts';
import type { Cloning } from '../large/copy-command.ts';
import type { CopyTask } from '../types.ts';

/** One file of an archive. */
export interface Part {
  /** Relative to the snapshot. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** The copy of a mount in an earlier complete snapshot, which unchanged entries are shared with. */
export interface Base {
  /** Absolute path of the snapshot. */
  readonly folder: string;
  /** Of the tree or the archive, relative to the snapshot. */
  readonly path: string;
  /** The files of an archive; none for a tree. */
  readonly parts: readonly Part[];
  /** Absolute path of its index. */
  readonly index: string;
  /** Entries of the index whose change time is before this (ns since 1970) are as they were copied. */
  readonly settled: bigint;
}

/** A source, and what is known of it from the last look. */
export interface Source {
  /** The folder itself, links resolved. */
  readonly source: string;
  readonly fingerprint: Fingerprint;
  /** The entries as they were when they were copied. */
  readonly seen: Seen;
  /** What is in the copy, where it is not certain that everything is. */
  readonly copied: Seen | undefined;
  /** Changes at this time (ns since 1970) or later may have been missed. */
  readonly since: bigint;
}

interface WarmBase extends Source {
  readonly task: CopyTask;
  readonly base: Base | undefined;
}

/** A copy that was begun while the services ran, and what is known of it. */
export type WarmCopy = WarmTree | WarmArchive;

export interface WarmTree extends WarmBase {
  readonly form: 'tree';
  /** Sorted records of what is in the copy. */
  readonly before: string;
  readonly cloning: Cloning | undefined;
}

export interface WarmArchive extends WarmBase {
  readonly form: 'archive';
  /** Plain archives of what was copied so far, each over those before it. */
  readonly layers: readonly string[];
}

/** What `finishCopy` has to do with what was captured, once the services are back. */
export type Delta = { readonly captured: Captured; readonly base: Base | undefined } & (
  | {
      readonly form: 'tree';
      /** Sorted records of what was in the copy. */
      readonly before: string;
    }
  | { readonly form: 'archive'; readonly layers: readonly string[] }
);
