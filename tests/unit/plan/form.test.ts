import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Instance } from '../../../src/config/types.ts';
import type { Measured } from '../../../src/copy/types.ts';
import { type Experience, neededFor, planBackup } from '../../../src/plan/backup.ts';
import { decideForm } from '../../../src/plan/form.ts';
import { instanceWith, stackFrom, volumeMount } from '../../support/stack-builder.ts';

const of = (entries: number, mean: number, over: Partial<Measured> = {}): Measured => ({
  entries,
  files: entries,
  bytes: entries * mean,
  allocated: entries * mean,
  ...over,
});

describe('decideForm', () => {
  const form = (...args: Parameters<typeof decideForm>) => decideForm(...args).form;

  it('takes an archive for very many small files, and a tree for all else', () => {
    expect(form('auto', of(20_000, 4096), undefined)).toBe('archive');
    expect(form('auto', of(19_999, 4096), undefined)).toBe('tree');
    expect(form('auto', of(200_000, 33 * 1024), undefined)).toBe('tree');
    expect(form('auto', of(200_000, 4096, { allocated: 1 }), undefined)).toBe('tree'); // sparse
    expect(form('auto', undefined, 'archive')).toBe('tree');
    expect(form('archive', of(20_000, 4096, { cold: 'NFS' }), 'archive')).toBe('tree');
  });

  it('does what it is told otherwise', () => {
    expect(form('tree', of(200_000, 100), 'archive')).toBe('tree');
    expect(form('archive', of(1, 1e9), 'tree')).toBe('archive');
  });

  it('does not swing: what comes from an archive has to change much to be a tree', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10_000, max: 300_000 }), fc.nat(64 * 1024), (entries, mean) => {
        expect(form('auto', of(entries, mean), 'archive')).toBe('archive');
      }),
      { numRuns: 50 },
    );
    expect(form('auto', of(9_999, 100), 'archive')).toBe('tree');
    expect(form('auto', of(200_000, 65 * 1024), 'archive')).toBe('tree');
  });

  it('never chooses an archive for an empty volume', () => {
    expect(form('auto', of(0, 0), undefined)).toBe('tree');
  });
});

type Base = NonNullable<Experience['bases']> extends ReadonlyMap<string, infer T> ? T : never;

const baseWith = (over: Partial<Base>): Base => ({
  snapshot: 'shop-20261120-030000',
  form: 'tree',
  folder: '/backups/shop-20261120-030000',
  path: 'volumes/data',
  parts: [],
  index: '/backups/shop-20261120-030000/index/data.ndjson.zst',
  settled: 1n,
  ...over,
});

const planned = (size: Measured, base: Base | undefined, over: Partial<Instance> = {}) => {
  const stack = stackFrom([{ id: 'a', mounts: [volumeMount('data', '/1')] }]);
  const bases = new Map(base === undefined ? [] : [['data', base]]);
  const before = { downtimeMs: 1, windowMs: 1, bytes: 1, bases };
  const [copy] = planBackup(instanceWith(over), stack, new Map([['data', size]]), before).copies;
  if (copy === undefined) throw new Error('nothing is copied');
  return copy;
};

const parts = (...bytes: readonly number[]): Base['parts'] =>
  bytes.map((size, at) => ({ path: `volumes/data~${at}.tar.zst`, sha256: '', bytes: size }));

describe('what is shared with an earlier snapshot', () => {
  const many = of(50_000, 1000);

  it('is a copy of the same form, unless everything is to be copied', () => {
    expect(planned(of(5, 10), baseWith({})).base).toBeDefined();
    expect(planned(of(5, 10), baseWith({}), { incremental: false }).base).toBeUndefined();
    expect(planned(of(5, 10), baseWith({}), { format: 'archive' }).base).toBeUndefined();
    expect(planned(of(5, 10), undefined).base).toBeUndefined();
  });

  it('is an archive until it is worn: too many files, or more superseded than it began with', () => {
    const archive = (...bytes: readonly number[]) =>
      planned(many, baseWith({ form: 'archive', parts: parts(...bytes) })).base;
    expect(archive(1000)).toBeDefined();
    expect(archive(1000, 500, 500)).toBeDefined();
    expect(archive(1000, 500, 501)).toBeUndefined();
    expect(archive(1000, ...Array<number>(10).fill(1))).toBeDefined();
    expect(archive(1000, ...Array<number>(11).fill(1))).toBeUndefined();
  });
});

describe('the space that is needed', () => {
  const room = (size: Measured, base: Base | undefined, over: Partial<Instance> = {}) =>
    neededFor([planned(size, base, over)]);
  const size = of(1000, 1_000_000, { files: 900, changed: { entries: 10, allocated: 10_000_000 } });

  it('is all of it the first time, and twice what changed after that', () => {
    expect(room(size, undefined).bytes).toBeGreaterThan(size.allocated);
    expect(room(size, baseWith({})).bytes).toBeGreaterThan(20_000_000);
    expect(room(size, baseWith({})).bytes).toBeLessThan(60_000_000);
    expect(room(size, baseWith({}), { incremental: false }).bytes).toBeGreaterThan(size.allocated);
  });

  it('is an inode for each entry of a tree, for each folder of one that shares, few for an archive', () => {
    expect(room(size, undefined).inodes).toBeGreaterThan(1000);
    const shares = room(size, baseWith({})).inodes;
    expect(shares).toBeGreaterThan(101);
    expect(shares).toBeLessThan(300);
    expect(room(size, undefined, { format: 'archive' }).inodes).toBeLessThan(200);
  });

  it('never shrinks when more has changed', () => {
    const changed = fc.record({ entries: fc.nat(1000), allocated: fc.nat(1_000_000_000) });
    fc.assert(
      fc.property(changed, fc.nat(100), (one, more) => {
        const another = { entries: one.entries + more, allocated: one.allocated + more };
        const [less, most] = [one, another].map((is) => room({ ...size, changed: is }, baseWith({})));
        expect(most?.bytes).toBeGreaterThanOrEqual(less?.bytes ?? 0);
        expect(most?.inodes).toBeGreaterThanOrEqual(less?.inodes ?? 0);
      }),
      { numRuns: 50 },
    );
  });
});
