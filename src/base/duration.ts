import { finite } from './text/amount.ts';

/** A length of time in milliseconds. */
export type Duration = number;

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** Milliseconds of `90s`, `5m`, `1h30m`, `2d`, `500ms`; undefined when it is not a duration. */
export const parseDuration = (text: string): Duration | undefined => {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(text)) return undefined;
  let total = 0;
  for (const part of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)) {
    total += Number(part[1]) * unitMs[part[2] as keyof typeof unitMs];
  }
  return Math.round(total);
};

/** `3 min 05 s`, and `3 min` where nothing is left over. */
const inTwo = (total: number, small: string, large: string): string => {
  const rest = total % 60;
  const whole = `${Math.floor(total / 60)} ${large}`;
  return rest === 0 ? whole : `${whole} ${String(rest).padStart(2, '0')} ${small}`;
};

/**
 * `850 ms`, `4.2 s`, `3 min 05 s`, `1 h`, `2 h 10 min`: for people. It is rounded before its unit is chosen,
 * so that nothing reads `1000 ms` or `60.0 s`. What is negative, infinite or not a number counts as 0.
 */
export const formatDuration = (ms: Duration): string => {
  const shown = finite(ms);
  if (Math.round(shown) < 1000) return `${Math.round(shown)} ms`;
  const tenths = Math.round(shown / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(shown / 1000);
  return seconds < 3600 ? inTwo(seconds, 's', 'min') : inTwo(Math.round(seconds / 60), 'min', 'h');
};
