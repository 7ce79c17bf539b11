import { formatBytes, formatRate, formatTimeLeft } from '../../base/text/amount.ts';
import { printable } from '../../base/text/printable.ts';
import type { Line } from '../../base/text/tone.ts';
import { pad, truncateMiddle } from '../../base/text/width.ts';
import { bar } from './bar.ts';
import { fractionOf, type Meter, rateAt, timeLeft } from './meter.ts';

const gap = 2;
const nameColumns = { least: 8, most: 28 } as const;
const barColumns = { least: 6, most: 30 } as const;

/** Below this nothing is really moving, or nothing is known yet. */
const leastRate = 1000;

/** What stands right of the bar, most needed first; each keeps its width, so that nothing jumps about. */
const figures = (meter: Meter, now: number): readonly string[] => {
  const fraction = fractionOf(meter);
  const rate = rateAt(meter, now);
  const left = timeLeft(meter, now);
  // Only what is done is at 100 %.
  const percent = fraction === undefined ? '' : `${Math.min(99, Math.floor(fraction * 100))} %`;
  return [
    pad(percent, 4, 'right'),
    pad(formatBytes(meter.bytes), 6, 'right'),
    pad(rate === undefined || rate < leastRate ? '' : formatRate(rate), 8, 'right'),
    pad(left === undefined ? '' : formatTimeLeft(left), 10, 'right'),
  ];
};

/** As many of them as leave room for a name and a bar. */
const fitting = (all: readonly string[], room: number): readonly string[] => {
  const taken: string[] = [];
  let used = nameColumns.least + gap + barColumns.least;
  for (const figure of all) {
    used += gap + figure.length;
    if (used > room) break;
    taken.push(figure);
  }
  return taken;
};

/** `name  ━━━━━╸────  54 %  310 MB  88 MB/s  4 s` in `width` columns, `nameWidth` of them for the name. */
export const progressLine = (
  name: string,
  meter: Meter,
  width: number,
  nameWidth: number,
  now: number,
): Line => {
  const shown = fitting(figures(meter, now), width);
  const room = width - shown.reduce((sum, figure) => sum + gap + figure.length, 0) - gap;
  const names = Math.max(1, Math.min(nameWidth, nameColumns.most, room - barColumns.least));
  const bars = Math.min(barColumns.most, room - names);
  return [
    pad(truncateMiddle(printable(name), names), names),
    pad('', gap),
    ...bar(fractionOf(meter), bars),
    ...shown.map((figure) => `${pad('', gap)}${figure}`),
  ];
};
