import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import type { FolderWalk } from '../place/folder-walk.ts';
import type { Attributes } from '../place/headers.ts';
import type { Batch } from '../place/place.ts';
import type { Staging } from '../place/staging.ts';

/** So much is made aside before it is checked and put in its place: it needs that much more room for a while. */
export const batchBytes = 256 * 1024 * 1024;
export const batchEntries = 16_384;

/** Where what is put back is made, and where it goes. */
export interface FillGround {
  /** The target: its absolute path, and a walk of it. */
  readonly top: string;
  readonly target: FolderWalk;
  readonly staging: Staging;
  readonly signal: AbortSignal | undefined;
}

/** Where the bytes of a mount come from. */
export interface Filler {
  /** Makes what has to be made in the staging, a batch at a time; each has to be put in place before the next. */
  batches(ground: FillGround): AsyncIterable<Batch>;
  /** Whether the content of an entry of a batch is what the index says. */
  isContent(entry: RecordEntry, sha256: string): boolean;
  /** Of these entries of the snapshot, in their order, whether each has extended attributes or an ACL. */
  marks(entries: readonly RecordEntry[], signal: AbortSignal | undefined): Promise<readonly boolean[]>;
  /** Those of folders, by path as Latin-1; ones without any are left out. Asked for after the batches. */
  attributes(folders: AsyncIterable<readonly RecordEntry[]>): Promise<ReadonlyMap<string, Attributes>>;
}
