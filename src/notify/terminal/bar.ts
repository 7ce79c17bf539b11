import type { Line } from '../../base/text/tone.ts';

/** A bar of exactly `width` columns; `fraction` is 0 to 1, undefined draws it empty. */
export const bar = (fraction: number | undefined, width: number): Line => {
  const columns = Math.max(0, Math.floor(width));
  const halves = Math.round(Math.min(1, Math.max(0, fraction ?? 0)) * columns * 2);
  const full = Math.floor(halves / 2);
  const filled = '━'.repeat(full) + (halves % 2 === 1 ? '╸' : '');
  return [
    { text: filled, tone: 'accent' },
    { text: '─'.repeat(columns - filled.length), tone: 'quiet' },
  ];
};
