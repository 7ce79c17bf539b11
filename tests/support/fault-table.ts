import { readFileSync } from 'node:fs';
import { repository } from './tool.ts';

/** What became of one fault. */
export interface FaultCell {
  /** As in the table of docs/reliability.md. */
  readonly kind: string;
  /** None: it was survived. */
  readonly problems: readonly string[];
  /** From the fault until all services were back, ms. */
  readonly backMs: number;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const row = (kind: string, cells: readonly FaultCell[]): string => {
  const survived = cells.filter(({ problems }) => problems.length === 0).length;
  const longest = Math.max(0, ...cells.map(({ backMs }) => backMs));
  return `| ${kind} | ${cells.length} | ${survived} | ${seconds(longest)} |`;
};

/** Rows for the table of docs/reliability.md: faults tried, survived, longest time until all services were back. */
export const tableOf = (cells: readonly FaultCell[]): string =>
  [
    '| Fault | Tried | Survived | Longest time back |',
    '|---|---|---|---|',
    ...[...Map.groupBy(cells, ({ kind }) => kind)].map(([kind, some]) => row(kind, some)),
  ].join('\n');

/** Kinds of faults that were tried and that docs/reliability.md says nothing of. */
export const undocumented = (cells: readonly FaultCell[]): readonly string[] => {
  const page = readFileSync(`${repository}/docs/reliability.md`, 'utf8');
  return [...new Set(cells.map(({ kind }) => kind))].filter((kind) => !page.includes(`\n| ${kind} | `));
};
