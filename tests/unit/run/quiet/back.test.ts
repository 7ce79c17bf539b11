import { describe, expect, it } from 'vitest';
import { backMsOf, type LedgerEntry, newLedger } from '../../../../src/run/quiet/ledger.ts';
import { keptForBack } from '../../../../src/run/quiet/window/limit.ts';

const ledgerOf = (entries: Readonly<Record<string, Partial<LedgerEntry>>>) => {
  const containers = Object.keys(entries).map((id) => ({ id }) as LedgerEntry['container']);
  const ledger = newLedger(containers);
  for (const [id, entry] of Object.entries(entries)) Object.assign(ledger.get(id) as LedgerEntry, entry);
  return ledger;
};

describe('how long bringing back took', () => {
  it('is the longest chain, whenever each of it was asked', () => {
    const ledger = ledgerOf({
      db: { startAskedAt: 0, backAt: 300, servingAt: 2000 },
      app: { startAskedAt: 9000, backAt: 9500 },
      side: { startAskedAt: 100, backAt: 900 },
    });
    expect(backMsOf(ledger, [{ from: 'app', to: 'db' }])).toBe(2500);
    expect(backMsOf(ledger, [])).toBe(2000);
  });

  it('counts what was not touched, or did not come back, as nothing', () => {
    const ledger = ledgerOf({ db: {}, app: { startAskedAt: 10, backAt: 60 }, lost: { startAskedAt: 5 } });
    expect(backMsOf(ledger, [{ from: 'app', to: 'db' }])).toBe(50);
  });

  it('is not known when nothing was brought back', () => {
    expect(backMsOf(ledgerOf({ db: {} }), [])).toBeUndefined();
  });
});

describe('what of limits.max_downtime is kept for the way back', () => {
  it('is what it is expected to take, and some more', () => {
    expect(keptForBack(60_000, 10_000)).toBeGreaterThan(12_000);
    expect(keptForBack(60_000, 10_000)).toBeLessThan(13_000);
    expect(keptForBack(60_000, undefined)).toBeLessThan(1000);
  });

  it('is never more than half of it: a backup that is never tried is none', () => {
    expect(keptForBack(10_000, 9_000)).toBe(5_000);
    expect(keptForBack(100, undefined)).toBe(50);
  });
});
