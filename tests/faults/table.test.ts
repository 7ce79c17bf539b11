import { describe, expect, it } from 'vitest';
import { readBooks, whyNotWhole, writers } from '../support/reliability/books.ts';
import { tables } from '../support/reliability/table.ts';

/** Comes after all others. `npm run reliability` puts what it prints into docs/reliability.md. */
describe('the table of docs/reliability.md', () => {
  const books = readBooks(process.env.SUITE_RUN ?? 'none');

  it('must be printed, with nothing in it that was not survived', () => {
    const { faults, measured } = tables(books);
    console.log(`${faults}\n\n${measured}`);
    expect(books.flatMap(({ tried }) => tried).filter(({ isSurvived }) => !isSurvived)).toEqual([]);
  });

  it('must have every kind of fault, and everything that is measured, when all tests have run', ({
    skip,
  }) => {
    const missing = writers.filter((one) => !books.some(({ writer }) => writer === one));
    if (missing.length > 0) skip(`of these nothing was counted: ${missing.join(', ')}`);
    // A part is asked for on purpose, and a test that has failed says so itself.
    const isPart = (problem: string): boolean => /^(with FAULTS|not all tests)/.test(problem);
    expect(whyNotWhole(books).filter((problem) => !isPart(problem))).toEqual([]);
  });
});
