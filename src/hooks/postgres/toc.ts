import { Writable } from 'node:stream';

/** Reads the output of `pg_restore --list` without keeping it: a large schema lists for megabytes. */
export class TocReader extends Writable {
  /** Entries as the header counts them; 0 when there was no such header. */
  entries = 0;
  /** What the last data in the archive is of; undefined when there is none. */
  lastData: 'table' | 'blobs' | undefined;
  #rest = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // latin1: only the ASCII frame of a line is looked at, and a name may be cut anywhere.
    const lines = (this.#rest + chunk.toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#read(line);
    done();
  }

  override _final(done: () => void): void {
    this.#read(this.#rest);
    done();
  }

  #read(line: string): void {
    const counted = /^;\s+TOC Entries: (\d+)/.exec(line);
    if (counted !== null) this.entries = Number(counted[1]);
    // `3350; 0 16385 TABLE DATA public t owner`; large objects are `BLOBS`.
    const data = /^\d+; \d+ \d+ (TABLE DATA|BLOBS) /.exec(line);
    if (data !== null) this.lastData = data[1] === 'BLOBS' ? 'blobs' : 'table';
  }
}
