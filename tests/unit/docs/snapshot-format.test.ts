import { describe, expect, it } from 'vitest';
import { formatIndexLine } from '../../../src/snapshot/index-file.ts';
import { readPage, sectionOf, tableRows } from './pages.ts';

const page = readPage('docs/snapshot-format.md');

/** The keys in the first column of a table; a cell may hold several. */
const keysOf = (heading: string): readonly string[] =>
  tableRows(page, heading).flatMap(([cell = '']) => cell.split(', '));

const schema = (name: string) =>
  JSON.parse(readPage(`schemas/${name}.schema.json`)) as {
    readonly properties?: Readonly<Record<string, unknown>>;
    readonly $defs?: Readonly<
      Record<string, { readonly properties?: { readonly type?: { const?: string } } }>
    >;
  };

describe('docs/snapshot-format.md', () => {
  it('explains every key of the manifest, and no other', () => {
    const known = Object.keys(schema('manifest').properties ?? {});
    expect(keysOf('manifest.json').toSorted()).toEqual(known.toSorted());
  });

  it('explains every key of an index line, and no other', () => {
    const line = formatIndexLine({
      path: Buffer.from('a'),
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: 1,
      blocks: 8,
      mtimeNs: 1n,
      ctimeNs: 1n,
      inode: 1n,
      links: 1,
      sha256: '0'.repeat(64),
      target: Buffer.from('b'),
      part: 1,
    });
    const known = Object.keys(JSON.parse(line) as object);
    expect(keysOf('index/&lt;name&gt;.ndjson.zst').toSorted()).toEqual(known.toSorted());
  });

  it('names every type of event, and no other', () => {
    const types = Object.values(schema('event').$defs ?? {}).flatMap(
      ({ properties }) => properties?.type?.const ?? [],
    );
    expect(types.length).toBeGreaterThan(10);
    const list = /Types: ([^.]*)\./.exec(sectionOf(page, 'Events: `--json`'))?.[1] ?? '';
    const named = [...list.matchAll(/`([a-z-]+)`/g)].map(([, type]) => type);
    expect(named.toSorted()).toEqual(types.toSorted());
  });
});
