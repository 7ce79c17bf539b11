import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readPlainFile } from '../../base/disk/plain-file.ts';
import { isInside } from '../../base/disk.ts';
import { messageOf, StackBackupError } from '../../base/errors.ts';
import { composeName, wholeName } from '../../snapshot/layout.ts';
import { otherFiles } from '../../stack/model/others.ts';

/** Bytes; longer ones are no compose file. */
const longest = 4 * 1024 * 1024;

/**
 * The compose files as they were when the snapshot was made, in Compose's order; where they name others, all as
 * one file besides. Of these ways the first that Compose can follow is taken.
 */
export const savedFiles = async (folder: string): Promise<readonly (readonly string[])[]> => {
  const names: readonly string[] = await readdir(join(folder, composeName)).catch(() => []);
  const plain = names.filter((name) => /^\d\d-/.test(name)).sort();
  const ways = [plain, names.filter((name) => name === wholeName)];
  return ways
    .filter((files) => files.length > 0)
    .map((files) => files.map((name) => join(folder, composeName, name)));
};

const refused = (file: string, why: string): StackBackupError =>
  new StackBackupError(
    'restore-refused',
    `${file} of a snapshot from elsewhere is not given to Compose: ${why}`,
    {
      next: 'Look at it. Name compose files that you trust with --compose-file, or give --allow-host if you trust whoever made the snapshot.',
    },
  );

/** Text that Compose reads as it is meant here: it would take other encodings by their first bytes. */
const textOf = async (folder: string, file: string): Promise<string> => {
  try {
    if (!(await isInside(file, folder))) throw new Error('it leads out of the snapshot');
    return new TextDecoder('utf-8', { fatal: true }).decode(await readPlainFile(file, longest));
  } catch (error) {
    throw refused(file, messageOf(error));
  }
};

/** Compose opens whatever its files name before anybody was asked. Rejects with `restore-refused`. */
const assertAlone = async (folder: string, files: readonly string[]): Promise<void> => {
  for (const file of files) {
    const others = otherFiles(await textOf(folder, file));
    if (others === undefined) throw refused(file, 'it cannot be read as YAML, or is very long');
    if (others.length > 0) throw refused(file, `it names files outside of itself: ${others.join(', ')}`);
  }
};

/**
 * The same of a snapshot that anybody may have made: one way, and only files that name no others. Rejects with
 * `restore-refused`.
 */
export const foreignFiles = async (folder: string): Promise<readonly (readonly string[])[]> => {
  const ways = await savedFiles(folder);
  const way = ways.at(-1);
  if (way === undefined) return [];
  await assertAlone(folder, way);
  return [way];
};
