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

/** `850 ms`, `4.2 s`, `3 min 05 s`, `2 h 10 min`: for people. */
export const formatDuration = (ms: Duration): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')} min`;
};
