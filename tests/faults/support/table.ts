import type { Cell } from './cell.ts';
import { type FaultKind, faultKinds } from './order.ts';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const row = (kind: FaultKind, cells: readonly Cell[]): string => {
  const survived = cells.filter(({ problems }) => problems.length === 0).length;
  const longest = Math.max(0, ...cells.map(({ backMs }) => backMs));
  return `| ${kind} | ${cells.length} | ${survived} | ${seconds(longest)} |`;
};

/** The table of docs/reliability.md: faults tried, survived, longest time until all services were back. */
export const tableOf = (cells: readonly Cell[]): string => {
  const byKind = Map.groupBy(cells, ({ kind }) => kind);
  return [
    '| Fault | Tried | Survived | Longest time back |',
    '|---|---|---|---|',
    ...faultKinds.map((kind) => row(kind, byKind.get(kind) ?? [])),
  ].join('\n');
};
