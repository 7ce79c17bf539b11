import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatRate,
  formatTimeLeft,
  plural,
} from '../../../../src/base/text/amount.ts';
import { formatMoment } from '../../../../src/base/text/moment.ts';

describe('amounts', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1234, '1.2 kB'],
    [9949, '9.9 kB'],
    [9950, '10 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [1_300_000_000, '1.3 GB'],
    [10n ** 18n, '1.0 EB'],
    [Number.NaN, '0 B'],
    [Number.POSITIVE_INFINITY, '0 B'],
    [-5, '0 B'],
  ])('%s bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0 s'],
    [1, '1 s'],
    [59_000, '59 s'],
    [59_001, '1 min 00 s'],
    [185_000, '3 min 05 s'],
    [7_800_000, '2 h 10 min'],
    [187_200_000, '2 d 04 h'],
  ])('%s ms left are %s', (ms, text) => {
    expect(formatTimeLeft(ms)).toBe(text);
  });

  it.each([
    [30_000, 'now'],
    [300_000, '5 min'],
    [3 * 3_600_000, '3 h'],
    [12 * 86_400_000, '12 d'],
    [200 * 86_400_000, '6 mo'],
    [800 * 86_400_000, '2 y'],
    [-1000, 'now'],
  ])('%s ms ago is %s', (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });

  it('count and name', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567');
    expect(formatRate(310e6)).toBe('310 MB/s');
    expect(plural(1, 'file')).toBe('1 file');
    expect(plural(1204, 'entry', 'entries')).toBe('1,204 entries');
  });

  it('never show NaN or Infinity', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        for (const format of [formatBytes, formatRate, formatTimeLeft, formatAge, formatCount])
          expect(format(value)).not.toMatch(/NaN|Infinity/);
      }),
    );
  });
});

describe('moments', () => {
  it('are shown in their zone, in UTC where it is unknown, and as they came where they are none', () => {
    expect(formatMoment('2026-11-21T03:15:00Z', 'Europe/Berlin')).toBe('2026-11-21 04:15:00');
    expect(formatMoment('2026-11-21T03:15:00Z', 'Mars/Olympus')).toBe('2026-11-21 03:15:00 UTC');
    expect(formatMoment('yesterday', 'UTC')).toBe('yesterday');
  });
});
