import { wallClockIn } from '../../snapshot/layout.ts';

/** A moment as a person wrote it: in ms since 1970, once the time zone is known that it is meant in. */
export type WrittenMoment = (timezone: string) => number;

const form =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/i;

const minute = 60_000;
const day = 24 * 60 * minute;

const offsetOf = (zone: string): number => {
  if (/^z$/i.test(zone)) return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * minute;
};

/**
 * The moment at which clocks of a time zone show this. Where they show it twice it is the first time; where
 * they leave it out, the moment at which they jump past it, or a little after.
 */
const momentOfWallClock = (wall: number, timezone: string): number => {
  const offsetAt = (moment: number): number => wallClockIn(new Date(moment), timezone) - moment;
  // Offsets a day before and a day after: the larger one comes to the earlier moment.
  const offsets = [offsetAt(wall - day), offsetAt(wall + day)].sort((a, b) => b - a);
  const fitting = offsets.map((offset) => wall - offset).find((moment) => moment + offsetAt(moment) === wall);
  return fitting ?? wall - Math.min(...offsets);
};

/**
 * `2026-11-20T03:00`, with seconds or without, a `T` or a space between, `Z` or `+01:00` at the end where it is
 * not meant in the time zone of the snapshots. A day alone stands for its end. Undefined when it is none.
 */
export const parseMoment = (text: string): WrittenMoment | undefined => {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [year = '', month = '', date = '', hour, minutes = '00', seconds = '00', zone] = match.slice(1);
  const iso = `${year}-${month}-${date}T${hour ?? '00'}:${minutes}:${seconds}.000Z`;
  const wall = Date.parse(iso);
  // 2026-02-30 is no day, though Date takes it for one in March.
  if (Number.isNaN(wall) || new Date(wall).toISOString() !== iso) return undefined;
  if (zone !== undefined) return () => wall - offsetOf(zone);
  if (hour === undefined) return (timezone) => momentOfWallClock(wall + day, timezone) - 1;
  return (timezone) => momentOfWallClock(wall, timezone);
};
