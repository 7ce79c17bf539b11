import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { table } from '../../../../src/base/text/table.ts';
import { paint, plainStyle } from '../../../../src/base/text/tone.ts';
import { displayWidth } from '../../../../src/base/text/width.ts';
import { nastyName } from '../../../support/events.ts';

const shown = (rows: string[][], columns: Parameters<typeof table>[1], width: number) =>
  table(rows, columns, { width }).map((line) => paint(line, plainStyle));

describe('a table', () => {
  it('aligns its columns and wraps the last one', () => {
    const rows = [
      ['a', '1', 'short'],
      ['bbb', '22', 'a longer text that has to be wrapped'],
    ];
    expect(shown(rows, [{}, { align: 'right' }, {}], 33)).toEqual([
      'a     1  short',
      'bbb  22  a longer text that has',
      '         to be wrapped',
    ]);
  });

  it('puts the last column below where it would be a ribbon', () => {
    expect(shown([['a-rather-long-name', 'why it is so, in many words']], [{}, {}], 30)).toEqual([
      'a-rather-long-name',
      '  why it is so, in many words',
    ]);
  });

  it('has titles where a column has one', () => {
    expect(shown([['x', 'y']], [{ title: 'NAME' }, { title: 'WHY' }], 40)).toEqual(['NAME  WHY', 'x     y']);
  });

  it('is never wider than it may be', () => {
    const cells = fc.array(fc.array(nastyName, { minLength: 3, maxLength: 3 }), { maxLength: 5 });
    fc.assert(
      fc.property(cells, fc.integer({ min: 30, max: 120 }), (rows, width) => {
        for (const line of table(rows, [{}, { align: 'right', max: 20 }, {}], { width, indent: 2 }))
          expect(displayWidth(paint(line, plainStyle))).toBeLessThanOrEqual(width);
      }),
    );
  });
});
