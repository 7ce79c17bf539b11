import type { Outcome, Warning } from '../base/events.ts';
import type { SnapshotType } from '../snapshot/types.ts';

/** A container that could not be brought back, and why. */
export interface DownContainer {
  readonly service: string;
  readonly container: string;
  readonly reason: string;
}

/** What is known of a run when it is over: its line in the history, good or bad. */
export interface RunRecord {
  readonly version: 1;
  readonly run: string;
  readonly instance: string;
  readonly project: string;
  /** Folder name that the snapshot has, or would have had. */
  readonly snapshot: string;
  readonly type: SnapshotType;
  readonly tags: Readonly<Record<string, string>>;
  readonly started: string;
  readonly finished: string;
  readonly outcome: Outcome;
  readonly error?: { readonly code: string; readonly message: string; readonly next?: string };
  /** Absolute path of the finished snapshot; absent when there is none. */
  readonly path?: string;
  readonly bytes: number;
  readonly files: number;
  readonly downtimeMs: number;
  readonly windowMs: number;
  readonly totalMs: number;
  readonly down: readonly DownContainer[];
  readonly warnings: readonly Warning[];
}
