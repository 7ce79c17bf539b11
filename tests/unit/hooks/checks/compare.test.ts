import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { whyWrong } from '../../../../src/hooks/checks/compare.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });

describe('whyWrong', () => {
  it('has nothing against the same text, and something against any other', () => {
    fc.assert(
      fc.property(text, text, (value, recorded) => {
        expect(whyWrong({ is: 'same' }, value, recorded) === undefined).toBe(value === recorded);
      }),
    );
  });

  it('compares whole numbers of any length exactly', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt(), (value, recorded) => {
        const [a, b] = [String(value), String(recorded)];
        expect(whyWrong({ is: '>= snapshot' }, a, b) === undefined).toBe(value >= recorded);
        expect(whyWrong({ is: '<= snapshot' }, a, b) === undefined).toBe(value <= recorded);
      }),
    );
  });

  it.each([
    ['1.50', '1.5', true, true],
    ['-0.1', '-0.09', false, true],
    ['10', '9.999999999999999999999', true, false],
    ['1.', '+1', true, true],
  ])('%s against %s', (value, recorded, more, less) => {
    expect(whyWrong({ is: '>= snapshot' }, value, recorded) === undefined).toBe(more);
    expect(whyWrong({ is: '<= snapshot' }, value, recorded) === undefined).toBe(less);
  });

  it('says what is no number, and shows nothing that could drive a terminal', () => {
    expect(whyWrong({ is: '>= snapshot' }, 'ten\u001b[2J', '9')).toBe(
      '"ten\uFFFD[2J" is no number, so it cannot be compared',
    );
    expect(whyWrong({ is: '<= snapshot' }, '9', '1|2')).toContain('"1|2" is no number');
  });

  it('judges equals and matches without a snapshot, the others not', () => {
    expect(whyWrong({ is: 'equals', value: 'ok\n' }, 'ok', undefined)).toBeUndefined();
    expect(whyWrong({ is: 'equals', value: 'ok' }, 'no', undefined)).toBe('it is "no", not "ok"');
    expect(whyWrong({ is: 'matches', pattern: '^\\d+$' }, '12', undefined)).toBeUndefined();
    expect(whyWrong({ is: 'matches', pattern: '^\\d+$' }, 'x', undefined)).toContain('does not match');
    for (const is of ['same', '>= snapshot', '<= snapshot'] as const)
      expect(whyWrong({ is }, 'anything', undefined)).toBeUndefined();
  });
});
