import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RowCounter } from '../../../src/hooks/postgres/rows.ts';
import { identifier } from '../../../src/hooks/postgres/script.ts';

/** What COPY makes of a row that could be anything (PostgreSQL manual, COPY, "Text Format"). */
const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');

const count = (text: string, sizes: readonly number[]): RowCounter => {
  const counter = new RowCounter();
  const bytes = Buffer.from(text);
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    counter.write(bytes.subarray(at, at + size));
    at += size;
  }
  counter.end();
  return counter;
};

const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((one) => !one.includes('\0'));

describe('RowCounter', () => {
  it('counts the rows of every table, whatever it is called, whatever its rows hold, however it is cut', () => {
    const table = fc.record({
      schema: name,
      table: name,
      columns: fc.array(name, { maxLength: 3 }),
      rows: fc.array(fc.string({ maxLength: 12 }), { maxLength: 6 }),
    });
    const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(table, { maxLength: 4 }), sizes, (tables, cuts) => {
        const text = tables
          .map((one) => {
            const columns = one.columns.length === 0 ? '' : `(${one.columns.map(identifier).join(', ')})`;
            return (
              `--\n-- Data for Name: COPY x FROM stdin; Type: TABLE DATA\n--\n\n` +
              `COPY ${identifier(one.schema)}.${identifier(one.table)} ${columns} FROM stdin;\n` +
              `${one.rows.map((row) => `${escaped(row)}\n`).join('')}\\.\n\n`
            );
          })
          .join('');
        const counter = count(text, cuts);
        expect(counter.isCut).toBe(false);
        expect(counter.tables).toEqual(
          tables.map((one) => ({ schema: one.schema, table: one.table, rows: one.rows.length })),
        );
      }),
    );
  });

  it('tells rows from what looks like the end of a table', () => {
    const text =
      'COPY public.t (a) FROM stdin;\n\\\\.\n\\.x\n\n.\n\\.\nSELECT 1;\nCOPY public.u (a) FROM stdin;\n\\.\n';
    for (const size of [1, 2, 3, 7, 1000])
      expect(count(text, [size]).tables.map(({ rows }) => rows)).toEqual([4, 0]);
  });

  it('says when the end is missing', () => {
    expect(count('COPY public.t (a) FROM stdin;\n1\n2\n', [5]).isCut).toBe(true);
    expect(count('COPY public.t (a) FROM stdin;\n1\n2\n\\.\n', [5]).isCut).toBe(false);
  });

  it('reads names in the encoding of the dump', () => {
    const counter = new RowCounter();
    counter.end(
      Buffer.from(
        'SET client_encoding = \'LATIN1\';\nCOPY public."größe" (a) FROM stdin;\nx\n\\.\n',
        'latin1',
      ),
    );
    expect(counter.tables).toEqual([{ schema: 'public', table: 'größe', rows: 1 }]);
  });
});
