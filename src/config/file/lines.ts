import type { Position } from '../check/problem.ts';

/**
 * Where an offset of a text stands. Counted in the text itself: the parser's own counter skips lines of some
 * broken files.
 */
export const positionsIn = (text: string): ((offset: number) => Position) => {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    const within = Math.min(Math.max(offset, 0), text.length);
    let line = starts.findIndex((start) => start > within);
    if (line < 0) line = starts.length;
    return { line, column: within - (starts[line - 1] ?? 0) + 1 };
  };
};
