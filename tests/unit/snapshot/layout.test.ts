import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  archivePath,
  bindPath,
  indexPath,
  parseSnapshotName,
  snapshotName,
  volumePath,
} from '../../../src/snapshot/layout.ts';

const dates = fc.date({
  min: new Date('0001-01-02T00:00:00Z'),
  max: new Date('9999-12-30T00:00:00Z'),
  noInvalidDate: true,
});
const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Apia');
const instances = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,30}$/);

describe('snapshotName', () => {
  it('is the wall clock of the time zone', () => {
    const date = new Date('2026-11-21T02:15:00Z');
    expect(snapshotName('core', date, 'Europe/Berlin')).toBe('core-20261121-031500');
    expect(snapshotName('core', date, 'UTC')).toBe('core-20261121-021500');
    expect(snapshotName('core', date, 'America/New_York')).toBe('core-20261120-211500');
    expect(snapshotName('core', new Date('2026-01-01T00:00:00Z'), 'UTC')).toBe('core-20260101-000000');
  });

  it('comes apart into what it was made of', () => {
    fc.assert(
      fc.property(instances, dates, zones, (instance, date, zone) => {
        const name = snapshotName(instance, date, zone);
        expect(parseSnapshotName(name)).toEqual({ instance, stamp: name.slice(-15) });
      }),
    );
  });

  it('sorts by time in one zone', () => {
    fc.assert(
      fc.property(dates, dates, (a, b) => {
        const [first, second] = [a, b].map((date) => snapshotName('core', date, 'UTC')) as [string, string];
        const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);
        expect(Math.sign(seconds(a) - seconds(b))).toBe(first < second ? -1 : first > second ? 1 : 0);
      }),
    );
  });

  it('is not seen in names that only look like it', () => {
    for (const name of [
      'core',
      'core-20261121',
      '-20261121-031500',
      'core-20261321-031500',
      'core-20260230-031500',
      'core-20261121-256100',
      'core-20261121-031500.tmp',
      'a/b-20261121-031500',
    ])
      expect(parseSnapshotName(name)).toBeUndefined();
    expect(parseSnapshotName('core-2-20261121-031500')?.instance).toBe('core-2');
  });
});

describe('paths of mounts', () => {
  const anyName = fc.oneof(
    fc.string({ minLength: 1, maxLength: 300, unit: 'binary' }),
    fc.stringMatching(/^[A-Za-z0-9_.~/-]{1,20}$/),
    fc.constantFrom('..', '.', '/', 'a', 'a.tar', 'a.tar.zst', 'A', 'a/b', 'a-b'),
  );

  it('keep harmless names, and make others harmless', () => {
    expect(volumePath('core_db')).toBe('volumes/core_db');
    expect(volumePath('a.tar.zst')).toMatch(/^volumes\/a\.tar\.zst~[0-9a-f]{10}$/);
    expect(bindPath('/srv/app data/uploads')).toMatch(/^binds\/srv-app-data-uploads~[0-9a-f]{10}$/);
    expect(bindPath('/')).toMatch(/^binds\/~[0-9a-f]{10}$/);
    fc.assert(
      fc.property(anyName, (name) => {
        for (const path of [volumePath(name), bindPath(name)]) {
          expect(path).toMatch(/^(volumes|binds)\/[A-Za-z0-9_.~-]+$/);
          expect(path.split('/')[1]).not.toMatch(/^[.-]/);
          // The longest of what is derived from it still fits a file name.
          for (const derived of [archivePath(path), indexPath(path)])
            expect(derived.split('/')[1]?.length).toBeLessThanOrEqual(255);
        }
      }),
    );
  });

  it('never meet, whether trees, archives or indexes', () => {
    fc.assert(
      fc.property(anyName, anyName, (a, b) => {
        fc.pre(a !== b);
        const trees = [volumePath(a), volumePath(b), bindPath(a), bindPath(b)];
        const all = [...trees, ...trees.map(archivePath)];
        expect(new Set(all).size).toBe(all.length);
        expect(new Set([indexPath(volumePath(a)), indexPath(volumePath(b))]).size).toBe(2);
        expect(indexPath(archivePath(volumePath(a)))).toBe(indexPath(volumePath(a)));
      }),
    );
  });
});
