import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { readChecksums } from '../checksums.ts';
import { bareFile } from '../entries/bare.ts';
import { ascending } from '../entries/compare.ts';
import { comparePaths, printable, type RecordEntry } from '../entries/records.ts';
import { readIndexOf } from '../index-file.ts';
import { sumsName } from '../layout.ts';
import type { ManifestMount } from '../types.ts';
import type { Findings } from './verification.ts';

/**
 * Whether there is a regular file at a path below a snapshot, and no link on the way to it. Links, fifos and
 * devices are never opened: they could lead anywhere, or never end.
 */
export const isPlainFile = async (folder: string, path: string): Promise<boolean> => {
  try {
    const parts = path.split('/');
    for (let count = 1; count < parts.length; count++)
      if (!(await lstat(join(folder, ...parts.slice(0, count)))).isDirectory()) return false;
    return (await lstat(join(folder, path))).isFile();
  } catch {
    return false;
  }
};

/** The list comes from a file that anybody may have written: a path in it must stay inside the snapshot. */
const isContained = (path: Buffer): boolean =>
  !path.includes(0) &&
  path
    .toString('latin1')
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..');

/** SHA256SUMS as entries that know their path and hash alone. */
export async function* checksumEntries(
  folder: string,
  findings: Findings,
): AsyncGenerator<readonly RecordEntry[], void, void> {
  for await (const lines of readChecksums(join(folder, sumsName))) {
    const batch: RecordEntry[] = [];
    for (const line of lines) {
      if ('line' in line) findings.add('sums', sumsName, `line ${line.line} is not a checksum`);
      else if (!isContained(line.path))
        findings.add('sums', printable(line.path), 'a path that leads out of the snapshot');
      else batch.push({ ...bareFile(line.path), sha256: line.sha256 });
    }
    yield batch;
  }
}

const below = (mount: string, path: Buffer): Buffer =>
  path.length === 0 ? Buffer.from(mount) : Buffer.concat([Buffer.from(`${mount}/`), path]);

/**
 * The indexes of all trees as one sorted stream of paths below the snapshot. A damaged index is a finding;
 * its mount is added to `broken` and the stream goes on with the next.
 */
export async function* indexEntries(
  folder: string,
  mounts: readonly ManifestMount[],
  findings: Findings,
  broken: Set<string>,
): AsyncGenerator<readonly RecordEntry[], void, void> {
  const sorted = mounts
    .filter((mount) => mount.form === 'tree')
    .toSorted((a, b) => comparePaths(Buffer.from(a.path), Buffer.from(b.path)));
  for (const mount of sorted) {
    try {
      if (!(await isPlainFile(folder, mount.index))) throw new Error('it is not there');
      for await (const batch of ascending(readIndexOf(folder, mount)))
        yield batch.map((entry) => ({ ...entry, path: below(mount.path, entry.path) }));
    } catch (thrown) {
      broken.add(mount.path);
      findings.add('index', mount.index, messageOf(thrown));
    }
  }
}
