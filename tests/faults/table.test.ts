import { describe, expect, it } from 'vitest';
import { readBooks, writers } from '../support/reliability/book.ts';
import { faultKinds, limits } from '../support/reliability/kinds.ts';
import { tables } from '../support/reliability/table.ts';

/** Comes after all others. `npm run reliability` puts what it prints into docs/reliability.md. */
describe('the table of docs/reliability.md', () => {
  const { tried, measured, by } = readBooks();

  it('must be printed, with nothing in it that was not survived', () => {
    const { faults, measured: values } = tables();
    console.log(`${faults}\n\n${values}`);
    expect(tried.filter(({ isSurvived }) => !isSurvived)).toEqual([]);
  });

  it('must have every kind of fault, and everything that is measured, when all tests have run', ({
    skip,
  }) => {
    const missing = writers.filter((writer) => !by.includes(writer));
    if (missing.length > 0) skip(`of these nothing was counted: ${missing.join(', ')}`);
    expect(by.toSorted()).toEqual(writers.toSorted());
    expect([...new Set(tried.map(({ kind }) => kind))].toSorted()).toEqual(faultKinds.toSorted());
    expect(measured.map((one) => one.measured).toSorted()).toEqual(Object.keys(limits).toSorted());
  });
});
