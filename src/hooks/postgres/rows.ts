import { Writable } from 'node:stream';
import type { TableRows } from '../../snapshot/types.ts';
import { decoderFor, encodingSetBy } from './encoding.ts';

const newline = 10;
/** Longest header of a table that is believed: a table has at most 1,600 columns of 63 bytes. */
const longestHeader = 1024 * 1024;

/** `public.orders` or `"odd ""schema"""."a.b"` → schema and table; undefined when it is not that. */
const nameOf = (qualified: string): { readonly schema: string; readonly table: string } | undefined => {
  const part = '("(?:[^"]|"")*"|[^".\\s]+)';
  const [, schema, table] = new RegExp(`^${part}\\.${part}$`).exec(qualified) ?? [];
  if (schema === undefined || table === undefined) return undefined;
  const plain = (text: string): string =>
    text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
  return { schema: plain(schema), table: plain(table) };
};

/**
 * Counts the rows of each table in what `pg_restore --file=-` writes: blocks of
 * `COPY schema.table (columns) FROM stdin;`, a line a row, and `\.` at their end. Takes bytes, keeps nothing of
 * the data. In every encoding a server can have, a newline and a backslash are themselves.
 */
export class RowCounter extends Writable {
  readonly tables: TableRows[] = [];
  /** Inside a block; at the end of a whole output it is not. */
  #rows: number | undefined;
  /** The part of a line that has come so far: all of a header, else its first bytes. */
  #line: Buffer = Buffer.alloc(0);
  /** A header whose names hold line ends. */
  #header = '';
  #decoder = decoderFor('UTF8');

  /** A block that was begun has not ended: the output is cut off. */
  get isCut(): boolean {
    return this.#rows !== undefined || this.#header !== '';
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      if (this.#rows !== undefined && this.#line.length === 0) {
        // The hot path: a line of data that lies in this chunk as a whole.
        if (end - from === 2 && chunk[from] === 92 && chunk[from + 1] === 46) this.#endOfTable();
        else this.#rows += 1;
      } else {
        this.#keep(chunk.subarray(from, end));
        this.#endOfLine();
      }
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
    done();
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    // Of data only what tells `\.` apart; of the rest no more than a header can have.
    const most = this.#rows === undefined ? longestHeader : 3;
    if (this.#line.length >= most) return;
    this.#line = Buffer.concat([this.#line, part.subarray(0, most - this.#line.length)]);
  }

  #endOfTable(): void {
    const last = this.tables.at(-1);
    if (last !== undefined) this.tables[this.tables.length - 1] = { ...last, rows: this.#rows ?? 0 };
    this.#rows = undefined;
  }

  #endOfLine(): void {
    const line = this.#line;
    this.#line = Buffer.alloc(0);
    if (this.#rows !== undefined) {
      if (line.toString('latin1') === '\\.') this.#endOfTable();
      else this.#rows += 1;
      return;
    }
    if (this.#header !== '' || line.subarray(0, 5).toString('latin1') === 'COPY ') {
      this.#header += `${this.#header === '' ? '' : '\n'}${this.#decoder.decode(line)}`;
      this.#readHeader();
    } else if (line.length < 100) {
      const encoding = encodingSetBy(line.toString('latin1'));
      if (encoding !== undefined) this.#decoder = decoderFor(encoding);
    }
  }

  #readHeader(): void {
    const header = this.#header;
    const open = (header.match(/"/g)?.length ?? 0) % 2 === 1;
    if (open && header.length < longestHeader) return;
    this.#header = '';
    // The columns are names too: from the first unquoted parenthesis to the end.
    const [, qualified = ''] =
      /^COPY ((?:"(?:[^"]|"")*"|[^"(])*?) ?(?:\([\s\S]*\) )?FROM stdin;$/.exec(header) ?? [];
    const name = nameOf(qualified.trim());
    if (name === undefined) return;
    this.tables.push({ ...name, rows: 0 });
    this.#rows = 0;
  }
}
