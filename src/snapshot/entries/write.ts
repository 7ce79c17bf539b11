import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { writing } from '../../base/disk.ts';
import { formatRecord, type RecordEntry } from './records.ts';

/** Writes entries as records (mode 0600), in their order; `sortRecords` and `readRecords` take it from there. */
export const recordEntries = async (
  entries: AsyncIterable<readonly RecordEntry[]>,
  file: string,
): Promise<void> => {
  const bytes = async function* () {
    for await (const batch of entries) yield Buffer.concat(batch.map(formatRecord));
  };
  await writing(file, pipeline(Readable.from(bytes()), createWriteStream(file, { mode: 0o600 })));
};
