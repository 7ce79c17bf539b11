import { type Measurement, readBooks, type Tried } from './book.ts';
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

const line = ({ measured, value }: Measurement): string => {
  const { most, unit } = limits[measured];
  return `| ${measured} | ${amount(value, unit)} | ${amount(most, unit)} |`;
};

const inOrder = (measured: readonly Measurement[]): readonly Measurement[] =>
  Object.keys(limits).flatMap((what) => measured.filter((one) => one.measured === what));

export interface Tables {
  /** Faults, how many were tried and survived, and the longest time back; what was not tried has no row. */
  readonly faults: string;
  readonly measured: string;
}

/** The two tables of docs/reliability.md, of what was counted last. */
export const tables = (): Tables => {
  const { tried, measured } = readBooks();
  const of = Map.groupBy(tried, ({ kind }) => kind);
  const rows = faultKinds.flatMap((kind) => (of.has(kind) ? [row(kind, of.get(kind) ?? [])] : []));
  return {
    faults: ['| Fault | Tried | Survived | Longest time back |', '|---|---|---|---|', ...rows].join('\n'),
    measured: ['| What | Is | May be |', '|---|---|---|', ...inOrder(measured).map(line)].join('\n'),
  };
};
