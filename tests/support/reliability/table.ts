import type { Counted, Measurement, Tried } from './books.ts';
import { faultKinds, limits } from './kinds.ts';

/** Milliseconds as the table has them; nothing is back sooner than at once. */
const seconds = (ms: number): string => `${(Math.max(0, ms) / 1000).toFixed(1)} s`;

const row = (kind: string, faults: readonly Tried[]): string => {
  const survived = faults.filter(({ isSurvived }) => isSurvived).length;
  const times = faults.flatMap(({ backMs }) => backMs ?? []);
  const longest = times.length === 0 ? '–' : seconds(Math.max(...times));
  return `| ${kind} | ${faults.length} | ${survived} | ${longest} |`;
};

const amount = (value: number, unit: 'ms' | 'MB'): string =>
  unit === 'ms' ? seconds(value) : `${Math.round(value)} MB`;

/** The middle one; of two in the middle the larger. */
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const line = ({ measured, values }: Measurement): string => {
  const { most, unit } = limits[measured];
  const cells = [Math.max(...values), median(values), most].map((value) => amount(value, unit));
  return `| ${measured} | ${values.length} | ${cells.join(' | ')} |`;
};

const inOrder = (measured: readonly Measurement[]): readonly Measurement[] =>
  Object.keys(limits).flatMap((what) => measured.filter((one) => one.measured === what));

export interface Tables {
  /** Faults, how many were tried and survived, and the longest time back; what was not tried has no row. */
  readonly faults: string;
  readonly measured: string;
}

/** The two tables of docs/reliability.md. */
export const tables = (books: readonly Counted[]): Tables => {
  const tried = books.flatMap((book) => book.tried);
  const measured = books.flatMap((book) => book.measured);
  const of = Map.groupBy(tried, ({ kind }) => kind);
  const rows = faultKinds.flatMap((kind) => (of.has(kind) ? [row(kind, of.get(kind) ?? [])] : []));
  return {
    faults: ['| Fault | Tried | Survived | Longest time back |', '|---|---|---|---|', ...rows].join('\n'),
    measured: [
      '| What | Measured | Longest | Median | May be |',
      '|---|---|---|---|---|',
      ...inOrder(measured).map(line),
    ].join('\n'),
  };
};
