import { printable } from './printable.ts';
import type { Line, Segment, Tone } from './tone.ts';
import { displayWidth, pad, truncateMiddle, wrap } from './width.ts';

/** A cell: its text is made printable by the table. */
export type Cell = string | Segment;

export interface Column {
  readonly align?: 'left' | 'right';
  /** Most columns it may take; longer text loses its middle. */
  readonly max?: number;
  /** Tone of all its cells that have none of their own. */
  readonly tone?: Tone;
  /** Printed above it where any column has one. */
  readonly title?: string;
}

export interface TableOptions {
  readonly width: number;
  readonly indent?: number;
}

const gap = 2;
/** Below this a wrapped last column would be a ribbon of words: it goes under its row instead. */
const narrowest = 24;
/** A last column of a word or two stays where it is; the others give way. */
const fewWords = 12;

const cellOf = (cell: Cell | undefined, column: Column): Segment => {
  const { text, tone } = typeof cell === 'object' ? cell : { text: cell ?? '', tone: undefined };
  return { text: printable(text), tone: tone ?? column.tone ?? 'plain' };
};

const natural = (column: Column, cells: readonly Segment[]): number => {
  const widest = Math.max(
    0,
    displayWidth(column.title ?? ''),
    ...cells.map(({ text }) => displayWidth(text)),
  );
  return Math.min(column.max ?? Number.POSITIVE_INFINITY, widest);
};

/** Takes what is too much from the widest columns first, so that short ones stay whole. */
const shrink = (widths: readonly number[], room: number): readonly number[] => {
  const shrunk = [...widths];
  for (let excess = shrunk.reduce((a, b) => a + b, 0) - room; excess > 0; excess -= 1) {
    const widest = shrunk.indexOf(Math.max(...shrunk));
    if ((shrunk[widest] ?? 0) <= 4) break;
    shrunk[widest] = (shrunk[widest] ?? 0) - 1;
  }
  return shrunk;
};

/** Columns that a table of these rows would like to have, gaps and indent counted. */
export const naturalWidth = (rows: readonly (readonly Cell[])[], columns: readonly Column[], indent = 0) =>
  columns.reduce((sum, column, at) => {
    const cells = rows.map((row) => cellOf(row[at], column));
    return sum + natural(column, cells) + (at === 0 ? 0 : gap);
  }, indent);

/**
 * Rows in columns as wide as their longest cell, two spaces between them. The last column is wrapped into
 * what is left; where that is too narrow it follows below its row. No line is wider than `width`.
 */
export const table = (
  rows: readonly (readonly Cell[])[],
  columns: readonly Column[],
  { width, indent = 0 }: TableOptions,
): readonly Line[] => {
  const cells = rows.map((row) => columns.map((column, at) => cellOf(row[at], column)));
  const headed = columns.some(({ title }) => title !== undefined);
  const all = headed
    ? [columns.map(({ title }): Segment => ({ text: title ?? '', tone: 'quiet' })), ...cells]
    : cells;
  const wanted = columns.map((column, at) =>
    natural(
      column,
      cells.map((row) => row[at] as Segment),
    ),
  );
  const last = columns.length - 1;
  const room = width - indent - gap * last;
  const before = wanted.slice(0, last).reduce((a, b) => a + b, 0);
  const wanting = wanted[last] ?? 0;
  const below =
    last > 0 && wanting > fewWords && before + wanting > room && room - before < Math.min(narrowest, wanting);
  const fixed = shrink(
    wanted.slice(0, last),
    below ? room + gap : Math.max(0, room - Math.min(narrowest, wanting)),
  );
  const used = fixed.reduce((a, b) => a + b, 0);
  const lastWidth = Math.max(1, below ? width - indent - 2 : Math.min(wanting, room - used));

  const margin = pad('', indent);
  return all.flatMap((row): Line[] => {
    const head = fixed.flatMap((size, at): Line => {
      const { text, tone } = row[at] as Segment;
      const shown = pad(truncateMiddle(text, size), size, columns[at]?.align);
      return [{ text: shown, tone: tone ?? 'plain' }, pad('', gap)];
    });
    const tail = row[last] as Segment;
    const tone = tail.tone ?? 'plain';
    const lines = wrap(tail.text, lastWidth).map((text) => pad(text, lastWidth, columns[last]?.align));
    if (below) {
      const under = tail.text === '' ? [] : lines.map((text): Line => [margin, '  ', { text, tone }]);
      return [[margin, ...head], ...under];
    }
    return lines.map(
      (text, at): Line =>
        at === 0 ? [margin, ...head, { text, tone }] : [margin, pad('', used + gap * last), { text, tone }],
    );
  });
};
