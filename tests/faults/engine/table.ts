/** One fault that was survived; `backMs` from when the engine was usable again until all services were back. */
export interface Row {
  readonly kind: string;
  readonly backMs: number;
}

/** Rows for the table of docs/reliability.md. A fault that is not survived fails its test, and has no row. */
export const tableOf = (rows: readonly Row[]): string =>
  [...Map.groupBy(rows, ({ kind }) => kind)]
    .map(([kind, some]) => {
      const longest = Math.max(...some.map(({ backMs }) => backMs));
      return `| ${kind} | ${some.length} | ${some.length} | ${(longest / 1000).toFixed(1)} s |`;
    })
    .join('\n');
