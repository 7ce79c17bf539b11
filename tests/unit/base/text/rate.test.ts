import { describe, expect, it } from 'vitest';
import { parseRate } from '../../../../src/base/text/amount.ts';

describe('parseRate', () => {
  it.each([
    ['0', 0],
    ['800B/s', 800],
    ['500kB/s', 500_000],
    ['20MB', 20_000_000],
    ['1.5GB/s', 1_500_000_000],
  ])('reads %s as %d bytes a second', (text, bytes) => {
    expect(parseRate(text)).toBe(bytes);
  });

  it.each(['', '20', '20 MB/s', 'MB/s', '-1MB/s', '20mb/s', '20MB/m', '1e3MB'])(
    'does not read %j',
    (text) => {
      expect(parseRate(text)).toBeUndefined();
    },
  );
});
