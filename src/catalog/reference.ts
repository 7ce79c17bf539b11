import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { StackBackupError } from '../base/errors.ts';
import { nearest } from '../base/text/nearest.ts';
import { parseSnapshotName, wallClockOf } from '../snapshot/layout.ts';
import { readManifest } from '../snapshot/manifest.ts';
import type { Manifest } from '../snapshot/types.ts';
import { type CatalogEntry, entryOf, namesIn } from './catalog.ts';
import { parseMoment } from './reference/moment.ts';

/** Where snapshots are looked for. */
export interface Places {
  /** Backups folders, absolute. */
  readonly backups: readonly string[];
  /** What a relative path starts from. */
  readonly cwd: string;
}

/** The snapshot that a person means. */
export interface ResolvedSnapshot {
  /** Absolute. */
  readonly folder: string;
  readonly instance: string;
  readonly manifest: Manifest;
  /** Newer snapshots of the instance whose manifest cannot be read, by name: they were passed over. */
  readonly unreadable: readonly string[];
}

type WithManifest = CatalogEntry & { readonly manifest: Manifest };

const isFolder = async (path: string): Promise<boolean> =>
  stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );

/** The folder, when the reference is a path or the name of a snapshot. */
const folderOf = async (reference: string, { backups, cwd }: Places): Promise<string | undefined> => {
  const path = resolve(cwd, reference);
  const isPath = reference.includes('/') || parseSnapshotName(basename(path)) !== undefined;
  if (isPath && (await isFolder(path))) return path;
  if (parseSnapshotName(reference) === undefined) return undefined;
  for (const folder of backups) if (await isFolder(join(folder, reference))) return join(folder, reference);
  return undefined;
};

/** Names are of the local time of each: clocks that were put back, or another time zone, mix them this much. */
const mixedMs = 28 * 3_600_000;

const stampOf = (path: string): number => wallClockOf(parseSnapshotName(basename(path))?.stamp ?? '');

/** By the moment that the data is of. */
const momentOf = ({ manifest }: WithManifest): number => Date.parse(manifest.consistent);

/**
 * Names follow the order in which snapshots were made, also when the clock was put back in between (`run/name`);
 * only those of another time zone say nothing.
 */
const isNewer = (one: WithManifest, other: WithManifest): boolean =>
  one.manifest.timezone === other.manifest.timezone
    ? stampOf(one.path) > stampOf(other.path)
    : momentOf(one) > momentOf(other);

/** Everybody who asks for the present state of a stack does not mean what a restore put aside. */
const isOrdinary = ({ manifest }: WithManifest): boolean => manifest.type !== 'pre-restore';

type Wanted = (entry: WithManifest) => boolean;

/** The newest snapshot that is wanted, and what could not be read on the way to it. Old ones are not even opened. */
const newestWanted = async (
  paths: readonly string[],
  isWanted: Wanted,
): Promise<{ readonly entry?: WithManifest; readonly unreadable: readonly string[] }> => {
  let best: WithManifest | undefined;
  const unreadable: string[] = [];
  for (const path of paths.toSorted((a, b) => stampOf(b) - stampOf(a))) {
    if (best !== undefined && stampOf(path) < stampOf(best.path) - mixedMs) break;
    const { manifest, ...rest } = await entryOf(path);
    if (manifest === undefined) {
      if (best === undefined) unreadable.push(rest.name);
      continue;
    }
    const entry = { ...rest, manifest };
    if (isWanted(entry) && (best === undefined || isNewer(entry, best))) best = entry;
  }
  return best === undefined ? { unreadable } : { entry: best, unreadable };
};

/** What stands behind the `@`; nothing means the newest. */
const wantedOf = (selector: string | undefined): Wanted => {
  if (selector === undefined || selector === 'latest') return isOrdinary;
  const moment = parseMoment(selector);
  if (moment !== undefined)
    return (entry) => isOrdinary(entry) && momentOf(entry) <= moment(entry.manifest.timezone);
  return ({ manifest }) =>
    Object.entries(manifest.tags).some(
      ([name, value]) => value === selector || `${name}=${value}` === selector,
    );
};

/** All snapshot folders of an instance, in all of the backups folders. */
const pathsOf = async (backups: readonly string[], instance: string): Promise<readonly string[]> => {
  const paths: string[] = [];
  for (const folder of new Set(backups))
    for (const name of await namesIn(folder))
      if (parseSnapshotName(name)?.instance === instance) paths.push(join(folder, name));
  return paths;
};

const unknown = async (
  reference: string,
  { backups }: Places,
  unreadable: readonly string[],
): Promise<StackBackupError> => {
  const [instance = ''] = reference.split('@');
  const names = (await Promise.all(backups.map(namesIn))).flat();
  const instances = new Set(names.map((name) => parseSnapshotName(name)?.instance ?? ''));
  const like = instances.has(instance) ? undefined : nearest(reference, [...instances, ...names]);
  const hint = like === undefined ? '' : `Did you mean ${like}? `;
  const damaged = unreadable.length === 0 ? '' : ` (manifests that cannot be read: ${unreadable.join(', ')})`;
  return new StackBackupError('snapshot-unknown', `there is no snapshot ${reference}${damaged}`, {
    next: `${hint}\`stack-backup list\` shows those in ${backups.join(', ')}; a path to a snapshot folder works, too.`,
  });
};

/** The instance and, behind its `@`, what of it; no instance has an `@` in its name. */
const partsOf = (reference: string): { readonly instance: string; readonly selector?: string } => {
  const at = reference.indexOf('@');
  return at === -1
    ? { instance: reference }
    : { instance: reference.slice(0, at), selector: reference.slice(at + 1) };
};

/**
 * The snapshot that a person means: the path of its folder, its name, or an instance with or without
 *  - `@latest`: its newest one (the same as without), safety snapshots of restores (`pre-restore`) not counted;
 *  - `@2026-11-20T03:00`: the newest of which the data is of that moment or before, in the time zone of the
 *    snapshot where none is written, safety snapshots not counted;
 *  - `@name=value` or `@value`: the newest with that tag.
 * Rejects with `snapshot-unknown`; with `verify-failed` when a path or a name leads to a damaged manifest.
 */
export const resolveSnapshot = async (reference: string, places: Places): Promise<ResolvedSnapshot> => {
  const folder = await folderOf(reference, places);
  if (folder !== undefined) {
    const manifest = await readManifest(folder);
    return { folder, instance: manifest.instance, manifest, unreadable: [] };
  }
  const { instance, selector } = partsOf(reference);
  const paths = await pathsOf(places.backups, instance);
  const { entry, unreadable } = await newestWanted(paths, wantedOf(selector));
  if (entry === undefined) throw await unknown(reference, places, unreadable);
  return { folder: entry.path, instance, manifest: entry.manifest, unreadable };
};

/**
 * The folders to look into when a snapshot is in doubt: like `resolveSnapshot`, but no manifest has to be
 * valid, and for an instance newer snapshots with a damaged manifest come along. Newest last.
 */
export const foldersToCheck = async (reference: string, places: Places): Promise<readonly string[]> => {
  const folder = await folderOf(reference, places);
  if (folder !== undefined) return [folder];
  const { instance, selector } = partsOf(reference);
  const paths = await pathsOf(places.backups, instance);
  const { entry, unreadable } = await newestWanted(paths, wantedOf(selector));
  const damaged = selector === undefined || selector === 'latest' ? unreadable.toReversed() : [];
  const found = [
    ...(entry === undefined ? [] : [entry.path]),
    ...damaged.flatMap((name) => paths.find((path) => basename(path) === name) ?? []),
  ];
  if (found.length === 0) throw await unknown(reference, places, unreadable);
  return found;
};

/** Oldest first, as far as names tell. */
const byAge = (paths: readonly string[]): readonly string[] =>
  paths.toSorted((a, b) => stampOf(a) - stampOf(b));

/** Every snapshot folder of these instances, or of all where none is named; oldest first within each. */
export const allSnapshots = async (
  instances: readonly string[],
  places: Places,
): Promise<readonly string[]> => {
  const found: string[] = [];
  for (const instance of instances.length > 0 ? instances : await instancesIn(places)) {
    const paths = await pathsOf(places.backups, instance);
    if (paths.length === 0) throw await unknown(instance, places, []);
    found.push(...byAge(paths));
  }
  return found;
};

/** The instances that have a snapshot, sorted. */
export const instancesIn = async ({ backups }: Places): Promise<readonly string[]> => {
  const names = (await Promise.all([...new Set(backups)].map(namesIn))).flat();
  return [...new Set(names.flatMap((name) => parseSnapshotName(name)?.instance ?? []))].sort();
};
