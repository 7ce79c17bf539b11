import { formatBytes } from '../../base/text/amount.ts';
import { formatMoment } from '../../base/text/moment.ts';
import { printable } from '../../base/text/printable.ts';
import type { EntryChange } from '../../snapshot/diff/entries.ts';
import { printable as printablePath, type RecordEntry } from '../../snapshot/entries/records.ts';

/** A path as it may be shown: in one line, and so that `cat` takes it back. */
export const shown = (path: Buffer): string => printable(printablePath(path));

const letters: Readonly<Record<RecordEntry['type'], string>> = {
  file: '-',
  dir: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  block: 'b',
  char: 'c',
};

/** `rwxr-x--T` of a mode. */
const rights = (mode: number): string => {
  const special: readonly (readonly [bit: number, set: string, unset: string])[] = [
    [0o4000, 's', 'S'],
    [0o2000, 's', 'S'],
    [0o1000, 't', 'T'],
  ];
  return special
    .map(([bit, set, unset], place) => {
      const three = (mode >> (6 - place * 3)) & 7;
      const x = (three & 1) !== 0;
      const last = (mode & bit) === 0 ? (x ? 'x' : '-') : x ? set : unset;
      return `${three & 4 ? 'r' : '-'}${three & 2 ? 'w' : '-'}${last}`;
    })
    .join('');
};

/** File systems keep times far beyond those of a calendar (the year 275,760): of these the seconds since 1970. */
const momentOf = (ns: bigint, timezone: string): string => {
  const moment = new Date(Number(ns / 1_000_000n));
  if (Number.isNaN(moment.getTime())) return `@${ns / 1_000_000_000n}`;
  return formatMoment(moment.toISOString(), timezone);
};

/** A line like those of `ls -l`, with numbers for owners: `-rw-r----- 999:999  1.2 kB  2026-11-21 …  name`. */
export const entryLine = (entry: RecordEntry, name: string, timezone: string): string => {
  const { type, mode, uid, gid, size, mtimeNs, target } = entry;
  const bytes = type === 'file' ? formatBytes(size) : '-';
  const to = target === undefined ? '' : ` ${type === 'symlink' ? '->' : '='} ${shown(target)}`;
  const owner = `${uid}:${gid}`.padEnd(9);
  return `${letters[type]}${rights(mode)} ${owner} ${bytes.padStart(7)}  ${momentOf(mtimeNs, timezone)}  ${name}${to}\n`;
};

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

const sizeOf = (entry: RecordEntry | undefined): string =>
  entry?.type === 'file' ? formatBytes(entry.size) : (entry?.type ?? '');

const facts: Readonly<Record<string, (entry: RecordEntry) => string>> = {
  type: ({ type }) => type,
  bytes: ({ size }) => formatBytes(size),
  target: ({ target }) => (target === undefined ? '' : shown(target)),
  owner: ({ uid }) => String(uid),
  group: ({ gid }) => String(gid),
  mode: ({ mode }) => octal(mode),
};

const details = ({ before, after, what }: EntryChange, timezone: string): string => {
  if (before === undefined || after === undefined) return sizeOf(before ?? after);
  const told = what.map((one) => {
    const fact = facts[one] ?? (({ mtimeNs }: RecordEntry) => momentOf(mtimeNs, timezone));
    const [was, is] = [fact(before), fact(after)];
    return was === is ? one : `${one} ${was} → ${is}`;
  });
  return told.join(', ');
};

const marks = { added: '+', removed: '-', content: '~', metadata: '·' } as const;

/** `  ~ path  bytes 1.2 kB → 1.4 kB`. */
export const changeLine = (change: EntryChange, timezone: string): string =>
  `  ${marks[change.kind]} ${shown(change.path) || '.'}  ${details(change, timezone)}\n`;
