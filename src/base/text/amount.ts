const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const;

/** A number that can be shown: what is negative, infinite or not a number counts as 0. */
export const finite = (value: number | bigint): number => {
  const number = Number(value);
  return Number.isFinite(number) && number > 0 ? number : 0;
};

/** `0 B`, `999 B`, `1.2 kB`, `84 MB`, `1.3 GB`: decimal units, as Docker prints them. */
export const formatBytes = (bytes: number | bigint): string => {
  let value = finite(bytes);
  let unit = 0;
  // 999.5 would be shown as 1000: it belongs to the next unit.
  while (Math.round(value) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
};

/** `310 MB/s`, from bytes per second. */
export const formatRate = (bytesPerSecond: number): string => `${formatBytes(bytesPerSecond)}/s`;

const rateUnits = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 } as const;

/** Bytes a second of `20MB/s`, `500kB/s`, `1.5GB/s`, the `/s` left out or not; undefined when it is no rate. */
export const parseRate = (text: string): number | undefined => {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(B|kB|MB|GB)(?:\/s)?$/.exec(text) ?? [];
  if (text === '0') return 0;
  return number === undefined
    ? undefined
    : Math.round(Number(number) * rateUnits[unit as keyof typeof rateUnits]);
};

/** `1,204`. */
export const formatCount = (count: number | bigint): string =>
  String(Math.round(finite(count))).replace(/\B(?=(\d{3})+$)/g, ',');

/** `1 file`, `1,204 files`, `2 entries` (`plural` when an s does not do). */
export const plural = (count: number, noun: string, many = `${noun}s`): string =>
  `${formatCount(count)} ${count === 1 ? noun : many}`;

/** Milliseconds left, without decimals that jump about: `4 s`, `3 min 05 s`, `2 h 10 min`, `2 d 04 h`. */
export const formatTimeLeft = (ms: number): string => {
  const seconds = Math.ceil(finite(ms) / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  return `${Math.floor(seconds / 86_400)} d ${two(Math.floor((seconds % 86_400) / 3600))} h`;
};

/** How long ago, in its largest unit: `now`, `5 min`, `3 h`, `12 d`, `7 mo`, `2 y`. */
export const formatAge = (ms: number): string => {
  const minutes = Math.floor(finite(ms) / 60_000);
  if (minutes < 1) return 'now';
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h`;
  const days = Math.floor(hours / 24);
  if (days < 60) return `${days} d`;
  return days < 730 ? `${Math.floor(days / 30.44)} mo` : `${Math.floor(days / 365.25)} y`;
};
