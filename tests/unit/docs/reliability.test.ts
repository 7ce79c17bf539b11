import { describe, expect, it } from 'vitest';
import { faultKinds, limits } from '../../support/reliability/kinds.ts';
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
    for (const [what, is = '', most = ''] of rows)
      expect(Number.parseFloat(is), what).toBeLessThan(Number.parseFloat(most));
  });
});
