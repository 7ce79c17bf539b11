import type { RecordEntry } from '../entries/records.ts';
import type { Manifest, ManifestDump, RecordWalk } from '../types.ts';

/** Told while an archive is listed. */
export interface ArchiveWatch {
  /** A member that is an SQLite database, by its path below the top of the archive. */
  onDatabase(path: Buffer): void;
  /** Bytes unpacked since the last time. */
  onBytes(bytes: number): void;
  /** What the index says that there is at most, and all that it can unpack to: an archive that has more is not read to its end. */
  readonly limit: { readonly members?: number; readonly bytes?: number; readonly unpacked: number };
}

/** A member of an archive and the file that its content is to be written to. */
export interface Extraction {
  /** Below the top of the archive. */
  readonly path: Buffer;
  /** Of its content, as the index says. One of another size is not unpacked. */
  readonly size: number;
  /** Absolute; must not exist. */
  readonly into: string;
}

/** How trees and archives are read; `copy/` brings it (this room stands above it). */
export interface SnapshotReaders {
  readonly recordWalk: RecordWalk;
  /** Members of a `.tar.zst`, each file with its SHA-256. */
  readonly listArchive: (
    file: string,
    signal?: AbortSignal,
    watch?: ArchiveWatch,
  ) => AsyncIterable<readonly RecordEntry[]>;
  /** Writes the content of some regular files of an archive; those that are not in it are left out. Rejects for one of another size. */
  readonly extract: (file: string, wanted: readonly Extraction[], signal?: AbortSignal) => Promise<void>;
}

/** What came of opening a database or a dump. */
export type Opened =
  | { readonly is: 'sound' }
  | { readonly is: 'damaged'; readonly why: string }
  /** Nothing here could open it. */
  | { readonly is: 'unknown'; readonly why: string };

/** How databases and dumps are opened; `hooks/` brings it. Rejects only when it is interrupted. */
export interface Openers {
  /** A scratch copy with its `-wal` or `-journal` beside it; it may be changed. */
  readonly sqlite: (path: string, signal: AbortSignal | undefined) => Promise<Opened>;
  /** A dump of the snapshot (absolute path of the file). Undefined: nothing to open in a dump of this kind. */
  readonly dump: (
    file: string,
    dump: ManifestDump,
    manifest: Manifest,
    signal: AbortSignal | undefined,
  ) => Promise<Opened | undefined>;
}

export interface VerifyOptions {
  readonly readers: SnapshotReaders;
  /** Without them databases and dumps are not opened. */
  readonly openers?: Openers;
  /** Read one share of the content, of so many: all of them in turn read everything. */
  readonly sample?: { readonly part: number; readonly of: number };
  /** Files and folders of the snapshot whose content is not read: whoever puts it back compares it. */
  readonly readElsewhere?: readonly Buffer[];
  readonly signal?: AbortSignal;
  /** Told the bytes read so far, a few times a second. */
  readonly onProgress?: (bytes: number) => void;
}
