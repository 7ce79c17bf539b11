const formats = new Map<string, Intl.DateTimeFormat>();

/** Making one takes longer than using it a hundred times. */
const format = (zone: string): Intl.DateTimeFormat => {
  const made = formats.get(zone) ?? newFormat(zone);
  formats.set(zone, made);
  return made;
};

const newFormat = (zone: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });

const inZone = (moment: Date, zone: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    format(zone)
      .formatToParts(moment)
      .map(({ type, value }) => [type, value]),
  );

const partsOf = (moment: Date, zone: string): Readonly<Record<string, string>> => {
  try {
    return inZone(moment, zone);
  } catch {
    // A zone that this machine does not know: the moment is right all the same, in UTC.
    return { ...inZone(moment, 'UTC'), zone: 'UTC' };
  }
};

/** `2026-11-21 03:15:00` in an IANA time zone; with ` UTC` behind it where the zone is unknown here. */
export const formatMoment = (iso: string, zone: string): string => {
  const moment = new Date(iso);
  if (Number.isNaN(moment.getTime())) return iso;
  const { year, month, day, hour, minute, second, zone: instead } = partsOf(moment, zone);
  return `${year}-${month}-${day} ${hour}:${minute}:${second}${instead === undefined ? '' : ` ${instead}`}`;
};
