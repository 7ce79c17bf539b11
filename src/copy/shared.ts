import { difference } from '../snapshot/entries/compare.ts';
import type { RecordEntry } from '../snapshot/entries/records.ts';

/**
 * Whether an entry of the source is still the one that an earlier snapshot's index names, as far as change
 * time, inode, size and everything else can tell, and was so for certain when that was copied (`settled`).
 */
export const isShared = (source: RecordEntry, earlier: RecordEntry, settled: bigint): boolean =>
  source.ctimeNs < settled &&
  earlier.ctimeNs === source.ctimeNs &&
  earlier.inode === source.inode &&
  earlier.links === source.links &&
  difference(source, withoutFirstName(earlier)) === undefined;

/** For a hard link in an archive the index has the name that carries the bytes; a source has no such thing. */
const withoutFirstName = (entry: RecordEntry): RecordEntry => {
  if (entry.type !== 'file' || entry.target === undefined) return entry;
  const { target: _, ...plain } = entry;
  return plain;
};
