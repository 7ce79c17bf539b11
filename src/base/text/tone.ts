import { clip, displayWidth } from './width.ts';

/** What a piece of text means; a style decides how that looks. */
export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'strong' | 'quiet' | 'accent';

/** Colours for the tones, or none. Each returns its argument with escape codes round it. */
export type Style = Readonly<Record<Tone, (text: string) => string>>;

const same = (text: string): string => text;

/** No colours: for files, pipes, NO_COLOR and tests. */
export const plainStyle: Style = {
  plain: same,
  good: same,
  warn: same,
  bad: same,
  strong: same,
  quiet: same,
  accent: same,
};

/** A piece of printable text with its tone. */
export interface Segment {
  readonly text: string;
  readonly tone?: Tone;
}

/** A line still to be painted: strings are segments of the plain tone. */
export type Line = readonly (Segment | string)[];

const segmentOf = (part: Segment | string): Segment => (typeof part === 'string' ? { text: part } : part);

/** A line in its colours, cut at `width` columns, without spaces at its end. */
export const paint = (line: Line, style: Style, width = Number.POSITIVE_INFINITY): string => {
  const parts: Segment[] = [];
  let room = width;
  for (const part of line.map(segmentOf)) {
    const text = clip(part.text, room);
    room = text === part.text ? room - displayWidth(text) : 0;
    parts.push({ ...part, text });
  }
  while (parts.length > 0) {
    const last = parts.pop() as Segment;
    const text = last.text.trimEnd();
    if (text !== '') {
      parts.push({ ...last, text });
      break;
    }
  }
  return parts.map(({ text, tone }) => (text === '' ? '' : style[tone ?? 'plain'](text))).join('');
};
