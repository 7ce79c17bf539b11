import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { removeTree } from '../../base/disk.ts';
import { errnoOf, StackBackupError } from '../../base/errors.ts';
import { run } from '../../base/process.ts';
import { sideBySide } from '../../snapshot/entries/compare.ts';
import { type RecordEntry, readRecords } from '../../snapshot/entries/records.ts';
import { complaint } from '../walk.ts';
import { dropLostAttributes, keepAttributes } from './attributes.ts';
import type { Captured } from './capture.ts';
import { argumentOf, below, isBelow, parentOf } from './paths.ts';

export interface ApplyOptions {
  /** Absolute path of the copy. */
  readonly copy: string;
  /** A path beside it that is free, for what is built anew. */
  readonly scratch: string;
  /** Sorted records of what is in the copy. */
  readonly before: string;
  /** Sorted records of what has to be in it. */
  readonly after: string;
  readonly signal?: AbortSignal;
}

const failed = (copy: string, why: string): StackBackupError =>
  new StackBackupError('copy-failed', `cannot bring the copy ${copy} up to date: ${why}`, {
    next: 'Look at the disk that holds the backups and its free space, then run the backup again.',
  });

/** A folder in whose place something else is, or the other way round: neither can be written over. */
const stands = (before: RecordEntry, after: RecordEntry | undefined): boolean =>
  after !== undefined && (before.type === 'dir') === (after.type === 'dir');

/** What has to go from the copy, the topmost of each tree; NUL-ended arguments. */
async function* goneFrom(before: string, after: string): AsyncGenerator<Buffer, void, void> {
  let folder: Buffer | undefined;
  for await (const rows of sideBySide(readRecords(before), readRecords(after))) {
    const names: Buffer[] = [];
    for (const [was, is] of rows) {
      if (was === undefined || stands(was, is) || isBelow(was.path, folder)) continue;
      if (was.type === 'dir') folder = Buffer.from(was.path);
      names.push(argumentOf(was.path));
    }
    if (names.length > 0) yield Buffer.concat(names);
  }
}

/** Removes from the copy what its source does not have any more. */
const remove = async ({ copy, before, after, signal }: ApplyOptions): Promise<void> => {
  const result = await run(['xargs', '-0', '-r', 'rm', '-rf', '--'], {
    cwd: copy,
    env: { LC_ALL: 'C' },
    input: Readable.from(goneFrom(before, after)),
    ...(signal === undefined ? {} : { signal }),
  });
  const why = complaint(result);
  if (why !== undefined) throw failed(copy, why);
};

/** Makes the folders above a path; what their own metadata is comes with the archive. */
const makeParents = async (copy: string, path: Buffer): Promise<void> => {
  const parent = parentOf(path);
  if (parent.length === 0) return;
  try {
    await mkdir(below(copy, parent), { mode: 0o700 });
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw thrown;
    await makeParents(copy, parent);
    await mkdir(below(copy, parent), { mode: 0o700 });
  }
};

/** Moves the large files to their places. A name takes the place of the old file: its inode may be shared. */
const moveLarge = async (copy: string, { large, largePaths }: Captured): Promise<void> => {
  if (large === undefined) return;
  for (const path of largePaths) {
    const from = below(large, path);
    // What vanished from a source in use, or became a folder, while it was copied: the next pass knows.
    const there = await lstat(from).catch(() => undefined);
    if (there === undefined || there.isDirectory()) continue;
    await makeParents(copy, path);
    await rename(from, below(copy, path));
  }
  await removeTree(large); // names in any bytes
};

/**
 * GNU tar takes away what stands in the way of a member before it writes it, so no shared inode is written
 * into; the metadata of folders, which every change in them disturbs, is set at the very end.
 */
const unpack = async (
  copy: string,
  { archive }: Captured,
  signal: AbortSignal | undefined,
): Promise<void> => {
  if (archive === undefined) return;
  const result = await run(
    [
      ...['tar', '-x', '-f', archive, '-b', '256', '-p', '--same-owner', '--numeric-owner'],
      ...[...keepAttributes, '--delay-directory-restore', '--warning=no-timestamp'],
    ],
    { cwd: copy, env: { LC_ALL: 'C' }, ...(signal === undefined ? {} : { signal }) },
  );
  const why = complaint(result);
  if (why !== undefined) throw failed(copy, why);
  await rm(archive);
};

/**
 * Brings a copy up to what was captured: removes what is gone, puts in what changed. Rejects with
 * `copy-failed`. A file that other snapshots share is replaced, never written into.
 */
export const applyCaptured = async (captured: Captured, options: ApplyOptions): Promise<void> => {
  const { copy, signal } = options;
  await remove(options);
  await dropLostAttributes(captured, options);
  await moveLarge(copy, captured);
  await unpack(copy, captured, signal);
};
