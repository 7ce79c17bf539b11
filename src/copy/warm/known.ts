import { formatRecord, type RecordEntry } from '../../snapshot/entries/records.ts';
import { readIndex } from '../../snapshot/index-file.ts';
import type { Fingerprint } from '../changes/fingerprint.ts';
import { fingerprintsOf } from '../changes/pass.ts';
import type { Seen } from '../changes/seen.ts';

/** An entry as `find` tells it: hashes, parts and the first names of hard links are ours. */
const asFound = ({ sha256: _, part: __, target, ...entry }: RecordEntry): RecordEntry =>
  entry.type === 'symlink' && target !== undefined ? { ...entry, target } : entry;

/** Entries as the bytes that `find` would print for them. */
export async function* asRecords(
  entries: AsyncIterable<readonly RecordEntry[]>,
): AsyncGenerator<Buffer, void, void> {
  for await (const batch of entries) yield Buffer.concat(batch.map((entry) => formatRecord(asFound(entry))));
}

/** The entries of an index, as they were in the source. Rejects when it is damaged. */
export const knownFrom = (index: string, fingerprint: Fingerprint): Promise<Seen> =>
  fingerprintsOf(asRecords(readIndex(index)), fingerprint, 'source');
