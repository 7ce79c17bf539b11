import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../../src/base/duration.ts';

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [0.4, '0 ms'],
    [850.4, '850 ms'],
    [999.4, '999 ms'],
    [999.6, '1.0 s'],
    [1000, '1.0 s'],
    [4_230, '4.2 s'],
    [59_949, '59.9 s'],
    [59_950, '1 min'],
    [59_960, '1 min'],
    [60_000, '1 min'],
    [65_499, '1 min 05 s'],
    [300_000, '5 min'],
    [3_599_499, '59 min 59 s'],
    [3_599_500, '1 h'],
    [3_600_000, '1 h'],
    [7_800_000, '2 h 10 min'],
    [7_170_000, '2 h'],
    [90_000_000, '25 h'],
  ])('shows %d as %s', (ms, shown) => {
    expect(formatDuration(ms)).toBe(shown);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1])('shows %d as 0 ms', (ms) => {
    expect(formatDuration(ms)).toBe('0 ms');
  });

  it('never fills a unit that has a larger one, and is never far off', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
        const shown = formatDuration(ms);
        const parts = [...shown.matchAll(/([\d.]+) (ms|s|min|h)/g)].map((part) => [Number(part[1]), part[2]]);
        const below: Record<string, number> = { ms: 1000, s: 60, min: 60, h: Number.POSITIVE_INFINITY };
        const units: Record<string, number> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 };
        for (const [value, unit] of parts) expect(value).toBeLessThan(below[String(unit)] ?? 0);
        const back = parts.reduce(
          (sum, [value, unit]) => sum + Number(value) * (units[String(unit)] ?? 0),
          0,
        );
        expect(Math.abs(back - ms)).toBeLessThanOrEqual(Math.max(0.5, ms * 0.05));
      }),
    );
  });
});

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['1.5m', 90_000],
    ['2d', 172_800_000],
    ['1w', 604_800_000],
    ['0s', 0],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '5', 'm', '5 m', '-5m', '5M', '1h 30m', 'm5', '5m!'])('refuses "%s"', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});
