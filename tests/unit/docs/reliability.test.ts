import { describe, expect, it } from 'vitest';
import { type Counted, whyNotWhole, writers } from '../../support/reliability/books.ts';
import { faultKinds, limits, type Measured } from '../../support/reliability/kinds.ts';
import { readPage, tableRows } from './pages.ts';

describe('docs/reliability.md', () => {
  const page = readPage('docs/reliability.md');

  it('has a row for every kind of fault that the suite does, and for no other', () => {
    const rows = tableRows(page, 'Faults tried');
    expect(rows.map(([kind]) => kind)).toEqual(faultKinds.map((kind) => kind.replaceAll('`', '')));
  });

  it('has numbers in them, and nothing that was not survived', () => {
    for (const [kind, tried, survived, longest] of tableRows(page, 'Faults tried')) {
      expect(Number(tried), kind).toBeGreaterThan(0);
      expect(survived, kind).toBe(tried);
      expect(longest, kind).toMatch(/^(\d+\.\d s|–)$/);
    }
  });

  it('has what is measured, within what it may be', () => {
    const rows = tableRows(page, 'Measured');
    expect(rows.map(([what]) => what)).toEqual(Object.keys(limits).map((what) => what.replaceAll('`', '')));
    for (const [what, , longest = '', , most = ''] of rows)
      expect(Number.parseFloat(longest), what).toBeLessThan(Number.parseFloat(most));
  });
});

describe('npm run reliability', () => {
  const whole: readonly Counted[] = writers.map((writer, at) => ({
    writer,
    run: 'one',
    begun: 0,
    faults: 'all',
    isClosed: true,
    tried: at === 0 ? faultKinds.map((kind) => ({ kind, isSurvived: true })) : [],
    measured:
      at === 0 ? Object.keys(limits).map((what) => ({ measured: what as Measured, values: [1] })) : [],
  }));
  const [first, ...others] = whole as [Counted, ...Counted[]];

  it('takes what one whole run has counted, and nothing else', () => {
    expect(whyNotWhole(whole)).toEqual([]);
    for (const [books, why] of [
      [others, 'counted nothing: back-in-time'],
      [[...others, { ...first, isClosed: false }], 'have passed: back-in-time'],
      [[...others, { ...first, faults: 'turns' }], 'only a part'],
      [[...others, { ...first, run: 'another' }], 'different runs'],
      [[...others, { ...first, tried: first.tried.slice(1) }], `not tried: ${faultKinds[0]}`],
      [[...others, { ...first, measured: [] }], 'not measured'],
      [
        [...others, { ...first, tried: first.tried.map((one) => ({ ...one, isSurvived: false })) }],
        'not survived',
      ],
    ] as const)
      expect(whyNotWhole(books).join('; ')).toContain(why);
  });
});
