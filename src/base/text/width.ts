import { createRequire } from 'node:module';
import type StringWidth from 'string-width';

const ascii = /^[\x20-\x7e]*$/;

/**
 * Made when the first text needs them, which is seldom: what Unicode says of emoji, and a segmenter, take
 * longer to set up than the rest of the program.
 */
let measure: typeof StringWidth | undefined;
const stringWidth = (text: string): number => {
  measure ??= (createRequire(import.meta.url)('string-width') as { default: typeof StringWidth }).default;
  return measure(text);
};
let graphemes: Intl.Segmenter | undefined;

const widthOfCharacter = (character: string): number =>
  // On its own the emoji variation selector has no width, but it may widen what stands before it.
  character === '\uFE0F' ? 1 : stringWidth(character);

/**
 * Columns that printable `text` may take on a terminal. Counted per code point, because terminals disagree
 * about clusters: the sum is never less than what any of them uses, and widths of parts add up.
 */
export const displayWidth = (text: string): number => {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
};

/** How many UTF-16 units of `pieces` fit into `width` columns, taken in the given order. */
const fitting = (pieces: Iterable<string>, width: number): readonly string[] => {
  const taken: string[] = [];
  let used = 0;
  for (const piece of pieces) {
    used += displayWidth(piece);
    if (used > width) break;
    taken.push(piece);
  }
  return taken;
};

const split = (text: string): string[] => {
  graphemes ??= new Intl.Segmenter();
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
};

/** The beginning of `text` that fits into `width` columns; nothing marks the cut. */
export const clip = (text: string, width: number): string =>
  displayWidth(text) <= width ? text : fitting(split(text), width).join('');

/** `text` in at most `width` columns, `…` in the middle when it does not fit: ends of names tell most. */
export const truncateMiddle = (text: string, width: number): string => {
  if (displayWidth(text) <= width) return text;
  if (width < 1) return '';
  const pieces = split(text);
  const head = fitting(pieces, Math.ceil((width - 1) / 2));
  const rest = width - 1 - displayWidth(head.join(''));
  const tail = fitting(pieces.slice(head.length).reverse(), rest);
  return `${head.join('')}…${[...tail].reverse().join('')}`;
};

/** `text` filled with spaces up to `width` columns, on the side away from `align`. */
export const pad = (text: string, width: number, align: 'left' | 'right' = 'left'): string => {
  const filling = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'left' ? text + filling : filling + text;
};

/** One word in pieces of at most `width` columns (a wide character stands alone where width is 1). */
const chop = (word: string, width: number): string[] => {
  const chopped: string[] = [];
  let pieces: string[] = split(word);
  while (pieces.length > 0) {
    const taken = Math.max(1, fitting(pieces, width).length);
    chopped.push(pieces.slice(0, taken).join(''));
    pieces = pieces.slice(taken);
  }
  return chopped;
};

/** `text` in lines of at most `width` columns, broken at spaces where possible. Never empty. */
export const wrap = (text: string, width: number): readonly string[] => {
  const room = Math.max(1, width);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/ +/).filter((part) => part !== '')) {
    for (const part of displayWidth(word) > room ? chop(word, room) : [word]) {
      const joined = line === '' ? part : `${line} ${part}`;
      if (line !== '' && displayWidth(joined) > room) {
        lines.push(line);
        line = part;
      } else line = joined;
    }
  }
  return line === '' && lines.length > 0 ? lines : [...lines, line];
};
