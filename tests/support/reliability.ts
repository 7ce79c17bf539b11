/** A row of the table in docs/reliability.md: all of these were survived, or the test would have failed. */
export const rowOf = (what: string, attempts: readonly { readonly backMs: number }[]): string => {
  const longest = Math.max(0, ...attempts.map(({ backMs }) => backMs));
  return `| ${what} | ${attempts.length} | ${attempts.length} | ${(longest / 1000).toFixed(1)} s |`;
};
