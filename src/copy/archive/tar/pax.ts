import { damaged } from './header.ts';

const space = 0x20;

/** `<length> <key>=<value>\n`, the length counting all of it (POSIX pax, "Extended Header"). */
export const parsePax = (bytes: Buffer): Map<string, Buffer> => {
  const records = new Map<string, Buffer>();
  for (let start = 0; start < bytes.length; ) {
    const gap = bytes.indexOf(space, start);
    const length = Number(bytes.toString('latin1', start, gap));
    const end = start + length;
    const equals = bytes.indexOf(0x3d, gap);
    if (
      gap < 0 ||
      !(length > 0) ||
      end > bytes.length ||
      equals < 0 ||
      equals >= end ||
      bytes[end - 1] !== 10
    )
      throw damaged('a PAX record does not parse');
    records.set(bytes.toString('latin1', gap + 1, equals), bytes.subarray(equals + 1, end - 1));
    start = end;
  }
  return records;
};

/** ns since 1970 of a decimal number of seconds, which may be negative. */
export const decimalNs = (value: string): bigint => {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value);
  if (match === null) throw damaged('a time does not parse');
  const ns = BigInt(match[2] ?? 0) * 1_000_000_000n + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  return match[1] === '-' ? -ns : ns;
};
