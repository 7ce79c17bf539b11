import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../tool.ts';
import { type FaultName, faultKinds, limits, type Measured } from './kinds.ts';

/** What became of one fault. */
export interface Tried {
  readonly kind: FaultName;
  readonly isSurvived: boolean;
  /** From the fault until all services were back, ms. Absent where it keeps nothing down for longer than a backup. */
  readonly backMs?: number;
}

/** Something that was measured, each time it was, in the unit of its limit. */
export interface Measurement {
  readonly measured: Measured;
  readonly values: readonly number[];
}

interface Begun {
  /** Of the run of the suite. */
  readonly run: string;
  /** Ms since 1970. */
  readonly begun: number;
  /** `all`, or what FAULTS said. */
  readonly faults: string;
}

export type Line = Begun | Tried | Measurement | { readonly closed: true };

export const booksFolder = join(repository, 'node_modules/.cache/stack-backup/reliability');

/** Files of tests whose faults are in the table. */
export const writers = [
  'back-in-time',
  'clock',
  'early',
  'engine',
  'guardian',
  'hooks',
  'killed',
  'matrix',
  'races',
  'recovery',
  'restore',
  'restore-phases',
  'storage-full',
  'storage-lost',
  'trouble',
  'way-back',
] as const;

export type Writer = (typeof writers)[number];

/** What the last run of one file of tests has counted. */
export interface Counted extends Begun {
  readonly writer: Writer;
  readonly tried: readonly Tried[];
  readonly measured: readonly Measurement[];
  /** All its tests have passed. */
  readonly isClosed: boolean;
}

const countedBy = (writer: Writer, text: string): Counted => {
  const [head, ...lines] = text.split('\n').map((line) => JSON.parse(line) as Line);
  return {
    writer,
    ...(head as Begun),
    tried: lines.filter((line) => 'kind' in line),
    measured: lines.filter((line) => 'measured' in line),
    isClosed: lines.some((line) => 'closed' in line),
  };
};

/** All that was counted: of each file of tests, its last run; or only what this run of the suite has counted. */
export const readBooks = (run?: string): readonly Counted[] => {
  mkdirSync(booksFolder, { recursive: true });
  const names = readdirSync(booksFolder);
  return writers
    .filter((writer) => names.includes(`${writer}.ndjson`))
    .map((writer) => ({ writer, text: readFileSync(join(booksFolder, `${writer}.ndjson`), 'utf8').trim() }))
    .filter(({ text }) => text !== '')
    .map(({ writer, text }) => countedBy(writer, text))
    .filter((book) => book.run !== undefined && book.run === (run ?? book.run));
};

const without = (all: readonly string[], found: readonly string[], what: string): readonly string[] => {
  const missing = all.filter((one) => !found.includes(one));
  return missing.length === 0 ? [] : [`${what}: ${missing.join(', ')}`];
};

/** Why these are not the books of one whole run of the suite in which everything passed; empty when they are. */
export const whyNotWhole = (books: readonly Counted[]): readonly string[] => {
  const open = books.filter(({ isClosed }) => !isClosed).map(({ writer }) => writer);
  const partial = books.filter(({ faults }) => faults !== 'all').map(({ writer }) => writer);
  const tried = books.flatMap((book) => book.tried);
  const lost = tried.filter(({ isSurvived }) => !isSurvived);
  return [
    ...without(
      writers,
      books.map(({ writer }) => writer),
      'these tests have counted nothing',
    ),
    ...(open.length === 0 ? [] : [`not all tests of these files have passed: ${open.join(', ')}`]),
    ...(partial.length === 0 ? [] : [`with FAULTS only a part was tried: ${partial.join(', ')}`]),
    ...(new Set(books.map(({ run }) => run)).size > 1 ? ['they are of different runs'] : []),
    ...without(
      faultKinds,
      tried.map(({ kind }) => kind),
      'these faults were not tried',
    ),
    ...without(
      Object.keys(limits),
      books.flatMap((book) => book.measured.map(({ measured }) => measured)),
      'this was not measured',
    ),
    ...(lost.length === 0 ? [] : [`${lost.length} were not survived`]),
  ];
};
