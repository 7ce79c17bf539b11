import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Files and folders of a snapshot, relative to its folder. */
export const manifestName = 'manifest.json';
export const sumsName = 'SHA256SUMS';
const dumpsName = 'dumps';
export const composeName = 'compose';
/** Below it: the compose files as one, where they name others. */
export const wholeName = 'whole.json';
export const logsName = 'logs';
const indexName = 'index';

/** Folders whose files are hashed as they are; volumes and binds have an index besides. */
export const plainFolders: readonly string[] = [indexName, dumpsName, composeName, logsName];

const archiveEnding = '.tar.zst';
const indexEnding = '.ndjson.zst';

/**
 * A file name for any name: itself where it is harmless, else what can be read of it, `~` and a hash of it.
 * Harmless names hold no `~`, so the two never meet; nor do they end like an archive, so that the tree of
 * a volume `a.tar.zst` never stands where the archive of the volume `a` would.
 */
const fileNameOf = (name: string): string => {
  const harmless = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/.test(name) && !/\.tar(\.zst)?$/i.test(name);
  return harmless ? name : slugOf(name);
};

const slugOf = (name: string): string => {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 10);
  const readable = name
    .replace(/[^A-Za-z0-9_.-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(-60)
    .replace(/^[-.]+/, '');
  return `${readable}~${hash}`;
};

/** Where the tree of a volume stands: `volumes/core_db`. */
export const volumePath = (name: string): string => `volumes/${fileNameOf(name)}`;

/** Where the copy of a bind mount stands: `binds/srv-app-uploads~1f3a…`; a directory or a file. */
export const bindPath = (source: string): string => `binds/${slugOf(source)}`;

/** The archive that stands in place of a tree. */
export const archivePath = (tree: string): string => tree + archiveEnding;

/**
 * One file of an archive in several: 0 is the archive itself, the others hold what changed after it. No
 * harmless name holds a `~`, and a slug ends with a hash, so a part never stands where another mount does.
 */
export const partPath = (archive: string, part: number): string =>
  part === 0 ? archive : `${archive.slice(0, -archiveEnding.length)}~${part}${archiveEnding}`;

/** The paths that an archive in several files still holds and its index does not name any more. */
export const gonePath = (archive: string): string =>
  `${indexPath(archive).slice(0, -indexEnding.length)}.gone.zst`;

/** Where an archive lies while it is written, not compressed yet. */
export const rawArchivePath = (tree: string): string => `${tree}.tar`;

/** Working files of a copy while the snapshot is written; the last one that is finished removes it. */
export const workPath = (snapshot: string): string => join(snapshot, '.work');

/** What a walk of the source of a mount recorded during its copy. */
export const sourceRecordsPath = (snapshot: string, path: string): string =>
  join(workPath(snapshot), `${path.replace('/', '+')}.source`);

/** The index of a mount, by the path of its tree or archive. */
export const indexPath = (path: string): string => {
  const tree = path.endsWith(archiveEnding) ? path.slice(0, -archiveEnding.length) : path;
  return `${indexName}/${tree.slice(tree.indexOf('/') + 1)}${indexEnding}`;
};

/** `YYYYMMDD-HHMMSS` of a moment in a time zone (IANA name). */
const stampOf = (date: Date, timezone: string): string => {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).formatToParts(date);
  const part = (type: Intl.DateTimeFormatPartTypes, digits: number): string =>
    (parts.find((one) => one.type === type)?.value ?? '').padStart(digits, '0');
  const day = part('year', 4) + part('month', 2) + part('day', 2);
  return `${day}-${part('hour', 2)}${part('minute', 2)}${part('second', 2)}`;
};

/** Folder of a snapshot: `core-20261121-031500`, in the instance's time zone. */
export const snapshotName = (instance: string, date: Date, timezone: string): string =>
  `${instance}-${stampOf(date, timezone)}`;

export interface SnapshotName {
  readonly instance: string;
  /** `YYYYMMDD-HHMMSS`, wall clock of the time zone the snapshot was made in. */
  readonly stamp: string;
}

/** The wall clock in a stamp, in ms since 1970 as if it were UTC's: to compare and to count on. NaN when it is none. */
export const wallClockOf = (stamp: string): number => {
  const [year = Number.NaN, month = 1, ...time] = (
    /^(\d{4})(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})$/.exec(stamp)?.slice(1) ?? []
  ).map(Number);
  const [day, hour = 0, minute, second] = time;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.setUTCHours(hour, minute, second);
};

/** What clocks of a time zone (IANA name) show at a moment, counted like `wallClockOf`. */
export const wallClockIn = (date: Date, timezone: string): number => wallClockOf(stampOf(date, timezone));

/** The parts of a snapshot's folder name; undefined when it is not one. Its time is for people: the manifest has the moment. */
export const parseSnapshotName = (name: string): SnapshotName | undefined => {
  const match = /^([^/\0]+)-(\d{8}-\d{6})$/.exec(name);
  if (match === null) return undefined;
  const [instance, stamp] = match.slice(1) as [string, string];
  const isReal = stampOf(new Date(wallClockOf(stamp)), 'UTC') === stamp;
  return isReal ? { instance, stamp } : undefined;
};

/** The tool's own folder inside the backups folder. */
const stateFolder = '.stack-backup';

export const historyPath = (backups: string): string => join(backups, stateFolder, 'history.ndjson');

/** Folder of the journals of runs under way. */
export const journalsPath = (backups: string): string => join(backups, stateFolder, 'runs');

export const journalPath = (backups: string, run: string): string =>
  join(journalsPath(backups), `${run}.json`);

/** Folder of the snapshots being written: on the same file system as the finished ones. */
export const temporariesPath = (backups: string): string => join(backups, stateFolder, 'tmp');

/** A run's own folder in there. It holds the snapshot (`snapshot`) and working files beside it. */
export const temporaryPath = (backups: string, run: string): string => join(temporariesPath(backups), run);
