import { parseDuration } from '../../base/duration.ts';
import { nearest } from '../../base/text/nearest.ts';
import { type Finding, fault } from './finding.ts';
import { labelOf, type Path } from './problem.ts';

/** Node's timers hold 2^31-1 ms; a longer one would fire at once. */
const longestMs = 24 * 86_400_000;

/** A duration that a timer can hold, and that is not 0 unless 0 has a meaning. */
export const durationRule = (
  path: Path,
  text: string | undefined,
  zero: 'allowed' | 'refused',
): Finding[] => {
  const duration = text === undefined ? undefined : parseDuration(text);
  if (duration === undefined) return [];
  if (duration > longestMs) return [fault(path, `${labelOf(path)} must not be longer than 24 days`)];
  return duration === 0 && zero === 'refused' ? [fault(path, `${labelOf(path)} must be longer than 0`)] : [];
};

/** Whether the runtime knows this time zone. */
export const isTimezone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
};

/** A time zone that the runtime knows. */
export const timezoneRule = (path: Path, zone: string | undefined): Finding[] => {
  if (zone === undefined || isTimezone(zone)) return [];
  const like = nearest(zone, Intl.supportedValuesOf('timeZone'));
  const hint = like === undefined ? ', such as Europe/Berlin or UTC' : `; did you mean ${like}?`;
  return [fault(path, `${labelOf(path)} must be a known time zone${hint}`)];
};
