import type { Warning } from '../base/events.ts';
import type { Expectation } from '../config/checks/types.ts';

export type SnapshotType = 'manual' | 'scheduled' | 'pre-deploy' | 'pre-migration' | 'pre-restore';

/**
 * How far the files of a service can be trusted.
 * `clean`: the process had ended by itself · `crash`: as after a power cut (frozen, or killed after its
 * grace period) · `dump-only`: it kept running, only its dumps are kept · `cold`: it was not running.
 */
export type Consistency = 'clean' | 'crash' | 'dump-only' | 'cold';

export interface ManifestContainer {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly image: string;
  readonly imageId: string;
  readonly digests: readonly string[];
  readonly stateBefore: string;
  readonly healthBefore: string;
  readonly restartPolicy: string;
  /** What the run did with it. */
  readonly quiesced: 'stop' | 'pause' | 'none';
  readonly consistency: Consistency;
  /** Exit code of the stop, where it was stopped. */
  readonly exitCode?: number;
  /** From the moment it was asked to stop (or frozen) until it served again. 0 when it was left alone. */
  readonly downtimeMs: number;
}

export interface ManifestMount {
  readonly kind: 'volume' | 'bind';
  readonly name: string;
  /** Relative to the snapshot folder. */
  readonly path: string;
  readonly form: 'tree' | 'archive';
  readonly method: 'host' | 'api';
  /** Where it was on the host. */
  readonly source: string;
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly anonymous: boolean;
  readonly external: boolean;
  readonly users: readonly {
    readonly service: string;
    readonly destination: string;
    readonly writable: boolean;
  }[];
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
  readonly lost: readonly string[];
  readonly consistency: Consistency;
  /** Relative path of its index. */
  readonly index: string;
  /** The files of an archive that a host path was read into, first to last. Unpacked in order, later ones win. */
  readonly parts?: readonly { readonly path: string; readonly sha256: string; readonly bytes: number }[];
  /** ns since 1970: entries whose change time is before it are certainly as they were copied. */
  readonly settled?: string;
  /** Name of the snapshot that unchanged files are shared with. */
  readonly base?: string;
  readonly shared?: { readonly files: number; readonly bytes: number };
  /** What was copied while the services were down, when the rest had been copied before. */
  readonly window?: { readonly entries: number; readonly bytes: number; readonly ms: number };
}

/** How many rows a table of a dump holds. */
export interface TableRows {
  /** Absent for SQLite. */
  readonly schema?: string | undefined;
  readonly table: string;
  readonly rows: number;
}

export interface ManifestDump {
  readonly hook: string;
  readonly kind: string;
  readonly service: string;
  /** Relative to the snapshot folder. */
  readonly path: string;
  readonly bytes: number;
  readonly format: string;
  /** Version of the server or library that wrote it. */
  readonly version?: string;
  readonly database?: string;
  /** Every table whose data is in it, counted in the dump itself. */
  readonly tables?: readonly TableRows[];
}

export interface ManifestHook {
  readonly name: string;
  readonly kind: string;
  readonly phase: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly summary: string;
}

/** What a check of the configuration was answered when the snapshot was made. */
export interface ManifestCheck {
  readonly name: string;
  readonly kind: 'command' | 'postgres' | 'sqlite';
  readonly service: string;
  readonly expect: Expectation;
  /** It answered, and as it has to. */
  readonly ok: boolean;
  /** Absent when it did not answer. Secrets are masked. */
  readonly value?: string;
  /** Why it is not ok. */
  readonly problem?: string;
  /** ISO 8601. */
  readonly at: string;
  /** Asked when all that need the service were down already and of what was then copied; else as near as possible. */
  readonly exact: boolean;
  readonly ms: number;
}

/** `manifest.json`, written last: it is the commit. schemas/manifest.schema.json is its contract. */
export interface Manifest {
  readonly $schema: string;
  readonly version: 1;
  readonly run: string;
  readonly snapshot: string;
  readonly instance: string;
  readonly project: string;
  readonly type: SnapshotType;
  readonly tags: Readonly<Record<string, string>>;
  readonly note: string;
  /** ISO 8601: not to be removed before, whatever retention says. */
  readonly pinnedUntil?: string;
  readonly outcome: 'complete' | 'complete-with-warnings';
  readonly timezone: string;
  /** ISO 8601. */
  readonly started: string;
  /** The moment the data is of: when the last service had been quiesced. */
  readonly consistent: string;
  readonly finished: string;
  readonly tool: { readonly version: string; readonly node: string };
  readonly engine: {
    readonly id: string;
    readonly version: string;
    readonly api: string;
    readonly os: string;
  };
  readonly compose: { readonly version: string | null; readonly files: readonly string[] };
  readonly host: string;
  readonly containers: readonly ManifestContainer[];
  readonly mounts: readonly ManifestMount[];
  readonly skipped: readonly {
    readonly kind: string;
    readonly name: string;
    readonly services: readonly string[];
    readonly reason: string;
  }[];
  readonly dumps: readonly ManifestDump[];
  readonly hooks: readonly ManifestHook[];
  /** Absent in older snapshots. */
  readonly checks?: readonly ManifestCheck[];
  readonly downtime: {
    readonly maxMs: number;
    readonly windowMs: number;
    /** Of bringing back alone; absent when nothing was stopped, and in manifests of older versions. */
    readonly backMs?: number;
    readonly services: Readonly<Record<string, number>>;
  };
  /** The list of checksums: it covers every other file, and this covers the list. */
  readonly sums: { readonly path: 'SHA256SUMS'; readonly sha256: string };
  readonly totals: { readonly entries: number; readonly files: number; readonly bytes: number };
  readonly warnings: readonly Warning[];
}

export type EntryType = 'file' | 'dir' | 'symlink' | 'fifo' | 'socket' | 'block' | 'char';

/**
 * One entry of a tree as a walk reports it. Paths are bytes: `path` is relative to the root, without
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
  /** In an archive of several files: the one that holds it, from 0. */
  readonly part?: number;
  /** The text of a symlink; for a hard link inside an archive, the path of the name that carries the bytes. */
  readonly target?: Buffer;
}

/** Records what lies under `root` in `file`, as `records.ts` reads it. `copy/walk` does it with `find`. */
export type RecordWalk = (root: string, file: string, signal?: AbortSignal) => Promise<void>;
