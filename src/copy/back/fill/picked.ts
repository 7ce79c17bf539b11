import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { belowTop } from '../../archive/archive.ts';
import type { TarLimit } from '../../archive/tar/guard.ts';
import { type TarHandler, TarReader } from '../../archive/tar.ts';
import { refused } from '../trouble.ts';
import { batchBytes, batchEntries } from './filler.ts';

type Piece = { readonly bytes: Buffer } | { readonly batch: readonly RecordEntry[] };

/** The members that are awaited, as they stand in the archive, cut into batches. */
export class Picked {
  readonly reader: TarReader;
  #pieces: Piece[] = [];
  #batch: RecordEntry[] = [];
  #bytes = 0;
  #keeps = false;

  constructor(
    take: (member: RecordEntry, records: ReadonlyMap<string, Buffer>) => 'none' | 'wrong' | 'right',
    name: string,
    limit: TarLimit | undefined,
  ) {
    const handler: TarHandler = {
      entry: (member, _, records) => {
        const entry = { ...member, path: belowTop(member.path) };
        // Further names of a file are linked when all is in its place.
        const isLink = entry.type === 'file' && entry.target !== undefined;
        const found = isLink ? 'none' : take(entry, records);
        if (found === 'wrong') throw refused(name, 'it is not in the archive as its index says', entry.path);
        this.#keeps = found === 'right';
        if (this.#keeps) this.#add(entry);
      },
      raw: (chunk) => {
        if (this.#keeps) this.#pieces.push({ bytes: chunk });
      },
    };
    this.reader = new TarReader(handler, limit);
  }

  #add(entry: RecordEntry): void {
    if (this.#bytes >= batchBytes || this.#batch.length >= batchEntries) {
      this.#pieces.push({ batch: this.#batch });
      this.#batch = [];
      this.#bytes = 0;
    }
    this.#batch.push(entry);
    this.#bytes += entry.size;
  }

  /** What has come together since it was asked last. */
  take(): readonly Piece[] {
    const taken = this.#pieces;
    this.#pieces = [];
    return taken;
  }

  /** The last batch. */
  get rest(): readonly RecordEntry[] {
    return this.#batch;
  }
}
