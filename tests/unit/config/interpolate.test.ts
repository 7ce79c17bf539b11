// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax under test
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeDollars, interpolate } from '../../../src/config/file/interpolate.ts';

const env = { NAME: 'core', EMPTY: '', TRICKY: '${NAME} $$ $&' };

describe('interpolate', () => {
  test.each([
    ['plain', 'plain'],
    ['${NAME}', 'core'],
    ['/srv/${NAME}/${NAME}.env', '/srv/core/core.env'],
    ['${EMPTY}', ''],
    ['${NAME:-other}', 'core'],
    ['${ABSENT:-other}', 'other'],
    ['${EMPTY:-other}', 'other'],
    ['${ABSENT:-}', ''],
    ['${ABSENT:-a:-b c}', 'a:-b c'],
    ['${ABSENT:-a$$b}', 'a$b'],
    ['$$', '$'],
    ['$${NAME}', '${NAME}'],
    ['$$$$', '$$'],
    ['$NAME and 5 $', '$NAME and 5 $'],
    ['${TRICKY}', '${NAME} $$ $&'],
  ])('%j becomes %j', (text, expected) => {
    expect(interpolate(text, env)).toEqual({ text: expected, missing: [] });
  });

  test('names each variable that is not set', () => {
    expect(interpolate('${A}-${NAME}-${B}', env)).toEqual({ text: '-core-', missing: ['A', 'B'] });
  });

  test('does not take what every object has for a variable', () => {
    expect(interpolate('${constructor}', env).missing).toEqual(['constructor']);
  });

  test.each(['${NAME', '${}', '${1A}', '${NAME:?no}', '${NAME-x}', 'secret${', '${A:-${B}}'])(
    '%j is malformed, and the reason quotes none of it',
    (text) => {
      const { malformed } = interpolate(text, env);
      expect(malformed).toMatch(/variable/);
      expect(malformed).not.toContain('secret');
    },
  );

  test('gives back any text whose dollar signs were escaped', () => {
    const text = fc.string({ unit: fc.constantFrom('$', '{', '}', ':', '-', 'A', 'é', '\n') });
    fc.assert(
      fc.property(fc.oneof(text, fc.string()), (original) => {
        expect(interpolate(escapeDollars(original), env)).toEqual({ text: original, missing: [] });
      }),
    );
  });

  test('puts any value between any two texts', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (before, value, after) => {
        const text = `${escapeDollars(before)}\${V}${escapeDollars(after)}`;
        expect(interpolate(text, { V: value }).text).toBe(before + value + after);
      }),
    );
  });
});
