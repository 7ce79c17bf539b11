import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { ascending, difference, isTimeCutShort, sideBySide } from '../../../src/snapshot/entries/compare.ts';
import {
  comparePaths,
  formatRecord,
  parseRecords,
  printable,
  type RecordEntry,
  readRecords,
  sortRecords,
} from '../../../src/snapshot/entries/records.ts';
import { recordEntries } from '../../../src/snapshot/entries/write.ts';
import { formatIndexLine, parseIndexLine, readIndex, writeIndex } from '../../../src/snapshot/index-file.ts';
import { must } from '../../support/odd-tree.ts';
import { collect, stream, temporaryFolder } from '../../support/temporary.ts';

let folder = '';
beforeEach(async () => {
  folder = await temporaryFolder('records');
});
afterEach(() => removeTree(folder));

const nameBytes = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constantFrom(0x2d, 0x2e, 0x30, 0x0a)), {
    minLength: 1,
    maxLength: 6,
  })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0x2f ? 0x30 : byte))))
  .filter((name) => !['.', '..'].includes(name.toString('latin1')));
const paths = fc
  .array(nameBytes, { maxLength: 4 })
  .map((names) => Buffer.concat(names.flatMap((name, n) => (n === 0 ? [name] : [Buffer.from('/'), name]))));
const whole = fc.nat({ max: 2 ** 40 });
const ns = fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n });
const entries: fc.Arbitrary<RecordEntry> = fc
  .record({
    path: paths,
    type: fc.constantFrom('file', 'dir', 'symlink', 'fifo', 'socket', 'block', 'char'),
    mode: fc.nat({ max: 0o7777 }),
    uid: fc.nat({ max: 2 ** 32 - 2 }),
    gid: fc.nat({ max: 2 ** 32 - 2 }),
    size: whole,
    blocks: whole,
    mtimeNs: ns,
    ctimeNs: ns,
    inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    links: fc.integer({ min: 1, max: 65000 }),
    target: fc.option(
      fc
        .uint8Array({ minLength: 1, maxLength: 9 })
        .map((bytes) => Buffer.from(bytes.map((byte) => byte || 1))),
      { nil: undefined },
    ),
    sha256: fc.option(fc.constant('0123456789abcdef'.repeat(4)), { nil: undefined }),
  })
  .map(({ target, sha256, ...entry }) => ({
    ...(entry as RecordEntry),
    ...(target === undefined ? {} : { target }),
    ...(sha256 === undefined ? {} : { sha256 }),
  }));

const entry = (path: string, more: Partial<RecordEntry> = {}): RecordEntry => ({
  path: Buffer.from(path),
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 1,
  blocks: 8,
  mtimeNs: 1_500_000_000_123_456_789n,
  ctimeNs: 0n,
  inode: 1n,
  links: 1,
  ...more,
});

describe('records', () => {
  it('say after reading what they said before, however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entries, { maxLength: 8 }),
        fc.integer({ min: 1, max: 50 }),
        async (all, step) => {
          const bytes = Buffer.concat(all.map(formatRecord));
          const cuts = Array.from({ length: Math.ceil(bytes.length / step) }, (_, n) =>
            bytes.subarray(n * step, (n + 1) * step),
          );
          expect(await collect(parseRecords(stream(...cuts)))).toEqual(all);
        },
      ),
    );
  });

  it('are sorted by GNU sort into the order that comparePaths knows', async () => {
    const file = join(folder, 'records');
    await fc.assert(
      fc.asyncProperty(fc.array(entries, { maxLength: 40 }), async (all) => {
        await recordEntries(stream(all), file);
        await sortRecords(file);
        const sorted = await collect(readRecords(file));
        for (const [place, one] of sorted.entries())
          if (place > 0)
            expect(comparePaths((sorted[place - 1] as RecordEntry).path, one.path)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 50 },
    );
  });

  it('keep that order below any folder', () => {
    fc.assert(
      fc.property(paths, paths, nameBytes, (a, b, top) => {
        const under = (path: Buffer): Buffer =>
          path.length === 0 ? top : Buffer.concat([top, Buffer.from('/'), path]);
        expect(Math.sign(comparePaths(under(a), under(b)))).toBe(Math.sign(comparePaths(a, b)));
        expect(Math.sign(comparePaths(b, a))).toBe(0 - Math.sign(comparePaths(a, b)));
      }),
    );
  });

  it('tell when their disk is full', async () => {
    await recordEntries(stream([entry('b'), entry('a')]), join(folder, 'r'));
    await must(['mount', '-t', 'tmpfs', '-o', 'size=64k,nr_inodes=2', 'tmpfs', folder]);
    try {
      await expect(sortRecords(join(folder, 'gone'))).rejects.toMatchObject({ code: 'copy-failed' });
    } finally {
      await must(['umount', folder]);
    }
  });
});

describe('sideBySide', () => {
  it('is a full join of sorted streams', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(paths, { selector: (path) => path.toString('hex'), maxLength: 12 }), {
          minLength: 1,
          maxLength: 3,
        }),
        async (lists) => {
          const sorted = lists.map((list) =>
            list.toSorted(comparePaths).map((path) => ({ ...entry(''), path })),
          );
          const expected = new Map<string, boolean[]>();
          for (const [place, list] of lists.entries())
            for (const path of list) {
              const row = expected.get(path.toString('hex')) ?? lists.map(() => false);
              row[place] = true;
              expected.set(path.toString('hex'), row);
            }
          const rows = new Map<string, boolean[]>();
          let last: Buffer | undefined;
          const joined = await collect(
            sideBySide(...sorted.map((list) => stream(list.slice(0, 3), [], list.slice(3)))),
          );
          for (const row of joined) {
            const path = row.find((one) => one !== undefined)?.path as Buffer;
            if (last !== undefined) expect(comparePaths(last, path)).toBeLessThan(0);
            last = path;
            rows.set(
              path.toString('hex'),
              row.map((one) => one !== undefined),
            );
          }
          expect(rows).toEqual(expected);
        },
      ),
    );
  });

  it('refuses, through ascending, a stream out of order or with a path twice', async () => {
    await expect(collect(ascending(stream([entry('b')], [entry('a')])))).rejects.toThrow('a is out of order');
    await expect(collect(ascending(stream([entry('a'), entry('a')])))).rejects.toThrow('twice');
    expect(await collect(ascending(stream([entry('a'), entry('b')])))).toHaveLength(2);
  });
});

describe('difference', () => {
  it('names what differs, and nothing that a copy cannot keep', () => {
    const one = entry('a');
    expect(difference(one, { ...one, inode: 9n, ctimeNs: 9n, blocks: 0, links: 5 })).toBeUndefined();
    expect(difference(one, { ...one, size: 2 })).toBe('its size is 2, not 1');
    expect(difference(one, { ...one, mode: 0o600 })).toBe('its mode is 0600, not 0644');
    expect(difference(entry('d', { type: 'dir' }), entry('d', { type: 'dir', size: 99 }))).toBeUndefined();
  });

  it('tells a coarser clock from a changed file', () => {
    const one = entry('a');
    expect(isTimeCutShort(one, { ...one, mtimeNs: 1_500_000_000_000_000_000n })).toBe(true);
    expect(isTimeCutShort(one, { ...one, mtimeNs: 1_500_000_000_123_456_700n })).toBe(true);
    expect(isTimeCutShort(one, { ...one, mtimeNs: 1_500_000_001_000_000_000n })).toBe(false);
    expect(isTimeCutShort(one, { ...one, mtimeNs: 1_499_999_990_000_000_000n })).toBe(false);
    expect(isTimeCutShort(one, { ...one, mtimeNs: 1_500_000_000_000_000_000n, size: 2 })).toBe(false);
    expect(isTimeCutShort(one, one)).toBe(false);
  });
});

describe('an index', () => {
  it('says after reading what was written, whatever the names', async () => {
    fc.assert(
      fc.property(entries, (one) => {
        const line = formatIndexLine(one);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(parseIndexLine(line)).toEqual({ ...one, blocks: 0 });
      }),
    );
    const file = join(folder, 'index');
    const many = Array.from({ length: 5000 }, (_, n) => entry(`folder/${n}`));
    await writeIndex(file, stream(many.slice(0, 100), many.slice(100)));
    expect(await collect(readIndex(file))).toEqual(many.map((one) => ({ ...one, blocks: 0 })));
  });

  it('refuses paths that lead out, and lines that are no entries', () => {
    for (const path of ['..', '../x', 'a/../../x', '/etc/passwd', 'a//b', 'a/.', 'a\0b'])
      expect(parseIndexLine(formatIndexLine(entry(path)))).toBeUndefined();
    const good = JSON.parse(formatIndexLine(entry('a'))) as Record<string, unknown>;
    for (const bad of [
      '',
      '{}',
      'null',
      '[]',
      'x',
      ...Object.entries({
        path: 3,
        type: 'door',
        mode: 'rwx',
        uid: -1,
        size: 1.5,
        mtime: 5,
        sha256: 'x',
        target: 1,
      }).map(([key, value]) => JSON.stringify({ ...good, [key]: value })),
    ])
      expect(parseIndexLine(bad)).toBeUndefined();
  });

  it('that is cut, changed or no zstd at all is an error', async () => {
    const file = join(folder, 'index');
    const rejected = { code: 'verify-failed', message: expect.stringContaining('damaged') };
    await writeIndex(file, stream(Array.from({ length: 2000 }, (_, n) => entry(`${n * 7919}`))));
    await must(['truncate', '-s', '-20', file]);
    await expect(collect(readIndex(file))).rejects.toMatchObject(rejected);
    await must(['sh', '-c', `echo hello > ${file}`]);
    await expect(collect(readIndex(file))).rejects.toMatchObject(rejected);
    await expect(collect(readIndex(join(folder, 'gone')))).rejects.toMatchObject(rejected);
  });
});

describe('printable', () => {
  it('shows names as they are, and control or foreign bytes escaped', () => {
    expect(printable(Buffer.from('über/a b'))).toBe('über/a b');
    expect(printable(Buffer.from('a\nb'))).toBe("'a\\x0ab'");
    expect(printable(Buffer.from([0x61, 0xff, 0x5c]))).toBe("'a\\xff\\x5c'");
    expect(printable(Buffer.from('\u009b31m'))).not.toContain('\u009b');
  });
});
