import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../tool.ts';
import type { FaultName, Measured } from './kinds.ts';

/** What became of one fault. */
export interface Tried {
  readonly kind: FaultName;
  readonly isSurvived: boolean;
  /** From the fault until all services were back, ms. Absent where it keeps nothing down for longer than a backup. */
  readonly backMs?: number;
}

/** Something that was measured, in the unit of its limit. */
export interface Measurement {
  readonly measured: Measured;
  readonly value: number;
}

/** The file of a test that does faults counts them here, each time anew. */
export interface Book {
  /** Faults that were survived, or the test would have failed before. */
  survived(kind: FaultName, attempts: readonly { readonly backMs?: number }[]): void;
  tried(faults: readonly Tried[]): void;
  measured(what: Measured, value: number): void;
}

const folder = join(repository, 'node_modules/.cache/stack-backup/reliability');

/** Files of tests whose faults are in the table. */
export const writers = [
  'clock',
  'early',
  'engine',
  'guardian',
  'hooks',
  'killed',
  'matrix',
  'median',
  'races',
  'recovery',
  'restore',
  'restore-phases',
  'storage-full',
  'storage-lost',
  'trouble',
  'way-back',
] as const;

/** Begins the book of a test file. What it counted in an earlier run is forgotten. */
export const bookOf = (writer: (typeof writers)[number]): Book => {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${writer}.ndjson`);
  writeFileSync(path, '');
  const add = (line: Tried | Measurement): void => appendFileSync(path, `${JSON.stringify(line)}\n`);
  return {
    survived: (kind, attempts) => {
      for (const { backMs } of attempts)
        add({ kind, isSurvived: true, ...(backMs === undefined ? {} : { backMs }) });
    },
    tried: (faults) => faults.forEach(add),
    measured: (measured, value) => add({ measured, value }),
  };
};

/** All that was counted: of each file of tests, its last run. */
export const readBooks = (): {
  readonly tried: readonly Tried[];
  readonly measured: readonly Measurement[];
  /** Who has counted something. */
  readonly by: readonly string[];
} => {
  mkdirSync(folder, { recursive: true });
  const books = readdirSync(folder)
    .filter((name) => writers.some((writer) => name === `${writer}.ndjson`))
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8').trim() }))
    .filter(({ text }) => text !== '');
  const lines = books.flatMap(({ text }) =>
    text.split('\n').map((line) => JSON.parse(line) as Tried | Measurement),
  );
  return {
    tried: lines.filter((line) => 'kind' in line),
    measured: lines.filter((line) => 'measured' in line),
    by: books.map(({ name }) => name.replace('.ndjson', '')),
  };
};
