import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conninfo } from '../../../src/hooks/postgres/psql.ts';
import { TocReader } from '../../../src/hooks/postgres/toc.ts';

/** libpq's own reading of a connection string (conninfo_parse in fe-connect.c): quotes and backslashes. */
const parse = (text: string): Record<string, string> => {
  const found: Record<string, string> = {};
  for (const [, key = '', value = ''] of text.matchAll(/(\w+)='((?:[^'\\]|\\[\s\S])*)'(?: |$)/g))
    found[key] = value.replace(/\\([\s\S])/g, '$1');
  return found;
};

describe('conninfo', () => {
  it('survives any value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (dbname, user) => {
        expect(parse(conninfo({ dbname, user }))).toEqual({ dbname, user });
      }),
    );
  });

  it('keeps a name that looks like a connection string a name', () => {
    expect(conninfo({ dbname: "x' host='evil" })).toBe("dbname='x\\' host=\\'evil'");
  });
});

describe('TocReader', () => {
  const listing = `;
; Archive created at 2026-11-21 07:00:00 UTC
;     dbname: app
;     TOC Entries: 12
;     Compression: -1
;
; Selected TOC Entries:
;
215; 1259 16385 TABLE public orders app
3350; 0 16385 TABLE DATA public orders app
3345; 2606 16392 CONSTRAINT public orders orders_pkey app
`;
  const read = (text: string, size: number): TocReader => {
    const toc = new TocReader();
    for (let at = 0; at < text.length; at += size) toc.write(text.slice(at, at + size));
    toc.end();
    return toc;
  };

  it('reads the same however the output is cut into pieces', () => {
    for (let size = 1; size < 60; size += 1)
      expect(read(listing, size)).toMatchObject({ entries: 12, lastData: 'table' });
  });

  it('sees a schema without data, and that something else is no listing at all', () => {
    const schema = listing.replace(/.*TABLE DATA.*\n/, '');
    expect(read(schema, 7)).toMatchObject({ entries: 12, lastData: undefined });
    expect(read('pg_restore: error: input file is too short', 7)).toMatchObject({ entries: 0 });
  });

  it('sees that large objects come last', () => {
    expect(read(`${listing}3351; 0 0 BLOBS - BLOBS \n`, 11).lastData).toBe('blobs');
    expect(read(`${listing}3351; 0 0 BLOBS - 16400..16402 app\n`, 11).lastData).toBe('blobs');
  });

  it('is not fooled by a table that is called like an entry', () => {
    expect(read('215; 1259 16385 TABLE public TABLE DATA app\n', 9).lastData).toBeUndefined();
  });
});
