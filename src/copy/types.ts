import type { Warning } from '../base/events.ts';

/** A mount to copy, decided by the plan. */
export interface CopyTask {
  readonly kind: 'volume' | 'bind';
  readonly name: string;
  /** Host path (for `host`), or the path in the holder (for `api`). */
  readonly source: string;
  /** Relative to the snapshot folder: `volumes/<name>`, `volumes/<name>.tar.zst`, `binds/<slug>`. */
  readonly path: string;
  readonly method: 'host' | 'api';
}

/** Size of a tree, as a walk saw it. */
export interface TreeSize {
  /** All entries, the root not counted. */
  readonly entries: number;
  readonly files: number;
  /** Sum of the regular files' sizes, each hard-linked file once. */
  readonly bytes: number;
  /** Bytes really allocated on disk (holes not counted), each hard-linked file once. */
  readonly allocated: number;
}

/** What a copy brought. Hashes are not known yet: `snapshot/` computes them after the services are back. */
export interface CopyResult extends TreeSize {
  readonly task: CopyTask;
  readonly form: 'tree' | 'archive';
  readonly ms: number;
  /** What this way of copying cannot keep (`xattrs`, `acls`, `ns-times`, `holes`, `sockets`). */
  readonly lost: readonly string[];
  readonly warnings: readonly Warning[];
}

export type EntryType = 'file' | 'dir' | 'symlink' | 'fifo' | 'socket' | 'block' | 'char';

/**
 * One entry of a tree as `copy/walk` reports it. Paths are bytes: `path` is relative to the root, without
 * a leading `./`; the root itself is the empty buffer.
 */
export interface WalkEntry {
  readonly path: Buffer;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky, e.g. 0o755. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** 512-byte blocks allocated. */
  readonly blocks: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: bigint;
  readonly links: number;
  /** Only for symlinks. */
  readonly target?: Buffer;
}
