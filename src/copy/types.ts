import type { Warning } from '../base/events.ts';
import type { Delta, Part } from './warm/types.ts';

export type { EntryType, WalkEntry } from '../snapshot/types.ts';

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

/** A source as a walk before the run saw it. */
export interface Measured extends TreeSize {
  /** What changed since the moment that was asked for, bytes allocated. */
  readonly changed?: { readonly entries: number; readonly allocated: number };
  /** Why it cannot be copied while it is in use. */
  readonly cold?: string;
}

/** A copy that was made; counted and hashed only after the services are back. */
export interface Copied {
  readonly task: CopyTask;
  readonly form: 'tree' | 'archive';
  readonly ms: number;
  /** What this way of copying cannot keep (`xattrs`, `acls`, `ns-times`, `holes`, `sockets`). */
  readonly lost: readonly string[];
  readonly warnings: readonly Warning[];
  /** Entries whose change time is before this (ns since 1970) are certainly as they were copied. */
  readonly settled?: bigint;
  /** What changed since the tree was copied, still to be put into it. */
  readonly delta?: Delta;
}

/** A copy that was counted, compared with its source, hashed and indexed. */
export interface CopyResult extends Copied, TreeSize {
  /** The files of an archive that was read from the host. */
  readonly parts?: readonly Part[];
  /** What is shared with an earlier snapshot. */
  readonly shared?: { readonly files: number; readonly bytes: number };
  /** The index file, relative to the snapshot folder. */
  readonly index: string;
}
