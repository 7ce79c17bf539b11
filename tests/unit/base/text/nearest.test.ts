import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editDistance, nearest } from '../../../../src/base/text/nearest.ts';

describe('editDistance', () => {
  test.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['quiece', 'quiesce', 1],
    ['sotp', 'stop', 1],
    ['kitten', 'sitting', 3],
  ])('from %j to %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  const text = fc.string({ maxLength: 12 });
  test('is zero for equals, symmetric, and between the difference in length and the longer length', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe('nearest', () => {
  test('finds the likeliest word, whatever its case', () => {
    expect(nearest('quiece', ['project', 'quiesce', 'hooks'])).toBe('quiesce');
    expect(nearest('Core', ['shop', 'core'])).toBe('core');
  });

  test('finds nothing where nothing is alike', () => {
    expect(nearest('banana', ['project', 'quiesce', 'hooks'])).toBeUndefined();
    expect(nearest('x', [])).toBeUndefined();
  });
});
