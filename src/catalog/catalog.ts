import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { asStackBackupError, errnoOf, StackBackupError } from '../base/errors.ts';
import { parseSnapshotName } from '../snapshot/layout.ts';
import { readManifest } from '../snapshot/manifest.ts';
import type { Manifest } from '../snapshot/types.ts';

/** A snapshot folder and what its manifest says; `problem` instead of a manifest that cannot be used. */
export interface CatalogEntry {
  readonly name: string;
  readonly path: string;
  readonly instance: string;
  readonly manifest?: Manifest;
  readonly problem?: string;
}

/** One snapshot folder (absolute). */
export const entryOf = async (path: string): Promise<CatalogEntry> => {
  const name = basename(path);
  const instance = parseSnapshotName(name)?.instance ?? name;
  try {
    return { name, path, instance, manifest: await readManifest(path) };
  } catch (error) {
    return { name, path, instance, problem: asStackBackupError(error).message };
  }
};

/** Names of the snapshot folders in a backups folder, sorted. Empty without the folder. */
export const namesIn = async (backups: string): Promise<readonly string[]> => {
  const entries = await readdir(backups, { withFileTypes: true }).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw new StackBackupError('backups-unusable', `the backups folder ${backups} cannot be read`, {
      cause: error,
      next: 'Check the path (`backups:` or --backups) and your permissions.',
    });
  });
  return entries
    .filter((entry) => entry.isDirectory() && parseSnapshotName(entry.name) !== undefined)
    .map((entry) => entry.name)
    .sort();
};

/** All snapshots in a backups folder, by name and so by time within an instance. Empty without the folder. */
export const readCatalog = async (backups: string): Promise<readonly CatalogEntry[]> => {
  const found: CatalogEntry[] = [];
  for (const name of await namesIn(backups)) found.push(await entryOf(join(backups, name)));
  return found;
};

/** The newest snapshot of an instance with a valid manifest; of all the others not even the manifest is read. */
export const newestOf = async (backups: string, instance: string): Promise<CatalogEntry | undefined> => {
  const names = await namesIn(backups);
  for (const name of names.toReversed()) {
    if (parseSnapshotName(name)?.instance !== instance) continue;
    const entry = await entryOf(join(backups, name));
    if (entry.manifest !== undefined) return entry;
  }
  return undefined;
};
