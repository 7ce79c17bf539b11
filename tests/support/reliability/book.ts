import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, type RunnerTestCase, type RunnerTestSuite } from 'vitest';
import type { Line, Tried } from './books.ts';
import { booksFolder, type Writer } from './books.ts';
import type { FaultName, Measured } from './kinds.ts';

/** The file of a test that does faults counts them here, each time anew. */
export interface Book {
  /** Faults that were survived, or the test would have failed before. */
  survived(kind: FaultName, attempts: readonly { readonly backMs?: number }[]): void;
  tried(faults: readonly Tried[]): void;
  measured(what: Measured, values: readonly number[]): void;
}

const testsIn = ({ tasks }: Pick<RunnerTestSuite, 'tasks'>): readonly RunnerTestCase[] =>
  tasks.flatMap((task) => (task.type === 'suite' ? testsIn(task) : [task]));

/**
 * Begins the book of a test file, at its top. What it counted in an earlier run is forgotten. It is closed when
 * every test of the file has passed.
 */
export const bookOf = (writer: Writer): Book => {
  mkdirSync(booksFolder, { recursive: true });
  const path = join(booksFolder, `${writer}.ndjson`);
  const add = (line: Line): void => appendFileSync(path, `${JSON.stringify(line)}\n`);
  writeFileSync(path, '');
  add({ run: process.env.SUITE_RUN ?? 'none', begun: Date.now(), faults: process.env.FAULTS ?? 'all' });
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures are wanted
  afterAll(({}, suite) => {
    if (testsIn(suite).every(({ result }) => result?.state === 'pass')) add({ closed: true });
  });
  return {
    survived: (kind, attempts) => {
      for (const { backMs } of attempts)
        add({ kind, isSurvived: true, ...(backMs === undefined ? {} : { backMs }) });
    },
    tried: (faults) => faults.forEach(add),
    measured: (measured, values) => add({ measured, values }),
  };
};
