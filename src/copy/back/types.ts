import type { Engine } from '../../docker/engine.ts';
import type { EntryType, ManifestMount } from '../../snapshot/types.ts';

/** One mount of a snapshot. Nothing in it is trusted: snapshots travel. */
export interface BackSource {
  /** Absolute path of the snapshot. */
  readonly folder: string;
  readonly mount: ManifestMount;
  /**
   * From this moment on (ns since 1970) all of the snapshot was read and found to be what its index says. What
   * has not changed since need not be hashed again.
   */
  readonly wholeSince?: bigint | undefined;
}

/**
 * Where it is put. A host path is the folder of the volume or bind (or the file, where the bind is one).
 * Through the engine: a created, never started container that mounts it writable at `path`. Nothing can be removed
 * from it that way, so only what is empty can be filled; with `inParent` the container mounts the folder that it
 * lies in: then it is removed as a whole, and made anew, where something has to go.
 */
export type BackTarget =
  | { readonly kind: 'host'; readonly path: string }
  | {
      readonly kind: 'api';
      readonly engine: Engine;
      readonly holder: string;
      readonly path: string;
      readonly inParent?: true;
    };

/** One entry that is not as the snapshot has it. */
export interface Change {
  /** Below the root of the mount; the root itself is empty. */
  readonly path: Buffer;
  readonly kind: 'created' | 'replaced' | 'removed' | 'metadata';
  readonly type: EntryType;
  /** Of a regular file, bytes: what it will have, or had when it is removed. */
  readonly size: number;
}

export interface BackOptions {
  /** Put back these entries alone, with all below them. A SQLite file brings its -wal, -shm and -journal. */
  readonly paths?: readonly Buffer[];
  /** Make device nodes. Without it a snapshot that would need one made is refused. */
  readonly devices?: boolean;
  /**
   * A snapshot that was just made of the target, nobody having written to that since: files that it knows need
   * not be read to find out what is in them.
   */
  readonly known?: BackSource;
  readonly signal?: AbortSignal;
  /** Told the bytes written so far, of `BackPlan.bytes`. */
  readonly onProgress?: (bytes: number) => void;
  /** Told of every change when it is decided, before anything is done. */
  readonly onChange?: (change: Change) => void;
}

/** What has to change, counted. */
export interface BackPlan {
  readonly created: number;
  readonly replaced: number;
  readonly removed: number;
  readonly metadata: number;
  /** Entries that are as they should be. */
  readonly same: number;
  /** Bytes of regular files to write. */
  readonly bytes: number;
}

export interface BackResult extends BackPlan {
  /** What this way of putting back cannot keep, beyond what the copy had lost (`xattrs`, `acls`, …). */
  readonly lost: readonly string[];
}
