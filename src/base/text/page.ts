import { printable, printableLines } from './printable.ts';
import { styleOf } from './style.ts';
import { type Cell, table } from './table.ts';
import { type Line, paint } from './tone.ts';
import { wrap } from './width.ts';

export interface PageOptions {
  readonly color: boolean;
  /** Columns of the terminal. */
  readonly width: number;
}

/** A heading and what stands below it, after a blank line; nothing where there is nothing to say. */
export const section = (title: string, lines: readonly Line[]): readonly Line[] =>
  lines.length === 0 ? [] : [[], [{ text: title, tone: 'strong' }], ...lines];

/** `name  value` rows, the values in one column. Rows without a value are left out. */
export const fields = (
  rows: readonly (readonly [name: string, value: Cell | undefined])[],
  width: number,
): readonly Line[] => {
  const told = rows.flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, value] as const],
  );
  return table(told, [{ tone: 'quiet' }, {}], { width, indent: 2 });
};

/** Text below its mark, wrapped; each line of the text begins anew. */
export const bullet = (mark: Exclude<Line[number], string>, text: string, width: number): readonly Line[] =>
  printableLines(text)
    .flatMap((line) => wrap(line, Math.max(1, width - 4)))
    .map((line, at): Line => ['  ', at === 0 ? mark : ' ', ' ', line]);

/** A sentence or more below a heading, wrapped. */
export const paragraph = (words: string, width: number): readonly Line[] =>
  wrap(printable(words), width - 2).map((line): Line => ['  ', line]);

/** Lines as text to print, none wider than the page, with a line end after each. */
export const page = (lines: readonly Line[], { color, width }: PageOptions): string =>
  lines.map((line) => `${paint(line, styleOf(color), width)}\n`).join('');
