import { closeSync, openSync, writeSync } from 'node:fs';
import { formatRecord, type RecordEntry, readRecords } from '../../../snapshot/entries/records.ts';

const flushBytes = 256 * 1024;

/** Entries laid aside in a file, in their order: there may be more than fit into memory. */
export class Pile {
  readonly file: string;
  readonly #out: number;
  #pending: Buffer[] = [];
  #bytes = 0;
  #isOpen = true;
  count = 0;

  /** The file must not exist. */
  constructor(file: string) {
    this.file = file;
    this.#out = openSync(file, 'wx', 0o600);
  }

  add(entry: RecordEntry): void {
    const record = formatRecord(entry);
    this.#pending.push(record);
    this.#bytes += record.length;
    this.count++;
    if (this.#bytes >= flushBytes) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#pending);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#out, bytes, at);
    this.#pending = [];
    this.#bytes = 0;
  }

  /** No more is added. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#flush();
    closeSync(this.#out);
  }

  async *entries(): AsyncGenerator<readonly RecordEntry[], void, void> {
    this.close();
    if (this.count > 0) yield* readRecords(this.file);
  }
}
