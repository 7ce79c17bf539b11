import type { Cell } from './cell.ts';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** A row of the table in docs/reliability.md. */
const row = (kind: string, cells: readonly Cell[]): string => {
  const survived = cells.filter(({ problems }) => problems.length === 0).length;
  const longest = Math.max(0, ...cells.map(({ backMs }) => backMs));
  return `| ${kind} | ${cells.length} | ${survived} | ${seconds(longest)} |`;
};

/** The table of docs/reliability.md: faults tried, survived, longest time until all services were back. */
export const tableOf = (cells: readonly Cell[]): string =>
  [
    '| Fault | Tried | Survived | Longest time back |',
    '|---|---|---|---|',
    ...[...Map.groupBy(cells, ({ kind }) => kind)].map(([kind, some]) => row(kind, some)),
  ].join('\n');
