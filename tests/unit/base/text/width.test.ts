import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { printable, printableLines } from '../../../../src/base/text/printable.ts';
import { clip, displayWidth, pad, truncateMiddle, wrap } from '../../../../src/base/text/width.ts';
import { nastyName } from '../../../support/events.ts';

const name = nastyName.map(printable);
const width = fc.integer({ min: 0, max: 60 });

describe('printable', () => {
  it('spells out what a terminal would act on', () => {
    expect(printable('a\nb\x1b[31m\u202e\x9b\ud800')).toBe('a\\nb\\x1b[31m\\u202e\\x9b\\ud800');
    expect(printable('é 漢字 ✓')).toBe('é 漢字 ✓');
    expect(printableLines('one\r\n\n  two\x07 \n')).toEqual(['one', '  two\\x07']);
  });

  it('leaves nothing that moves, hides or reorders', () => {
    fc.assert(
      fc.property(nastyName, (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});

describe('widths', () => {
  it('truncate in the middle', () => {
    expect(truncateMiddle('core_database_volume', 11)).toBe('core_…olume');
    expect(truncateMiddle('漢字漢字漢字', 7)).toBe('漢…漢字');
    expect(truncateMiddle('short', 5)).toBe('short');
    expect(truncateMiddle('longer', 0)).toBe('');
  });

  it('are never exceeded, and never less than what a terminal uses', () => {
    fc.assert(
      fc.property(name, width, (text, columns) => {
        expect(stringWidth(text)).toBeLessThanOrEqual(displayWidth(text));
        expect(displayWidth(truncateMiddle(text, columns))).toBeLessThanOrEqual(columns);
        expect(displayWidth(clip(text, columns))).toBeLessThanOrEqual(columns);
        expect(displayWidth(pad(clip(text, columns), columns, 'right'))).toBe(columns);
      }),
    );
  });

  it('wrapping loses nothing but spaces', () => {
    fc.assert(
      fc.property(name, fc.integer({ min: 2, max: 60 }), (text, columns) => {
        const lines = wrap(text, columns);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
        expect(lines.length).toBeGreaterThan(0);
      }),
    );
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('', 7)).toEqual(['']);
  });
});
