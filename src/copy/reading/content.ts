import { createHash } from 'node:crypto';
import { constants, type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, StackBackupError } from '../../base/errors.ts';
import { printable, type RecordEntry } from '../../snapshot/entries/records.ts';
import { entryAt } from '../../snapshot/inside/list.ts';
import { mostUnpacked } from '../../snapshot/manifest/most.ts';
import type { ManifestMount } from '../../snapshot/types.ts';
import { filesOf } from '../../snapshot/verifying/archives.ts';
import { isPlainFile } from '../../snapshot/verifying/sources.ts';
import { readMembers } from '../archive/members.ts';
import { FolderWalk } from '../back/place/folder-walk.ts';

/** Takes bytes; what it was given may be used again when it has resolved. */
export type Take = (chunk: Buffer) => Promise<void>;

const blockBytes = 256 * 1024;

const damaged = (path: Buffer, why: string): StackBackupError =>
  new StackBackupError('verify-failed', `${printable(path)}: ${why}`, {
    next: 'Use another snapshot or a replica; `stack-backup verify` says what else is wrong.',
  });

const otherSize = 'it is not as large as its index says';

const takeAll = async (file: FileHandle, take: Take, signal: AbortSignal | undefined): Promise<void> => {
  const block = Buffer.allocUnsafe(blockBytes);
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(block, 0, block.length, null);
    if (bytesRead === 0) return;
    await take(block.subarray(0, bytesRead));
  }
};

/** Passes bytes on and says at the end whether they were those that were expected. */
const checking = (take: Take) => {
  const hash = createHash('sha256');
  return {
    take: async (chunk: Buffer): Promise<void> => {
      hash.update(chunk);
      await take(chunk);
    },
    expect: (path: Buffer, sha256: string | undefined): void => {
      if (sha256 !== undefined && hash.digest('hex') !== sha256)
        throw damaged(path, 'its content is not what it was when the snapshot was made');
    },
  };
};

/**
 * The bytes of a regular file that lies in a snapshot, by its path below it. No link leads out of the snapshot:
 * every folder on the way is opened from the one above it, and none that is a link. Rejects with `verify-failed`
 * when it is not there, no regular file, of another size, or (at its end) of other content than expected.
 */
export const readPlain = async (
  folder: string,
  path: Buffer,
  expected: Partial<Pick<RecordEntry, 'sha256' | 'size'>>,
  take: Take,
  signal?: AbortSignal,
): Promise<void> => {
  using walk = new FolderWalk(folder);
  let file: FileHandle;
  try {
    file = await open(walk.at(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') throw damaged(path, 'it is not there');
    if (errnoOf(thrown) === 'ELOOP') throw damaged(path, 'there is a link where a file should be');
    if (thrown instanceof StackBackupError) throw damaged(path, 'what it lies in is no folder');
    throw thrown;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw damaged(path, 'it is no regular file');
    if (stats.size !== (expected.size ?? stats.size)) throw damaged(path, otherSize);
    const checked = checking(take);
    await takeAll(file, checked.take, signal);
    checked.expect(path, expected.sha256);
  } finally {
    await file.close();
  }
};

/** A member of an archive that carries bytes. */
const readMember = async (
  folder: string,
  mount: ManifestMount,
  entry: RecordEntry,
  take: Take,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const file = filesOf(mount)[entry.part ?? 0];
  if (file === undefined) throw damaged(entry.path, 'the index names a part that there is not');
  if (!(await isPlainFile(folder, file)))
    throw damaged(Buffer.from(file), 'it is not there, or no regular file');
  const checked = checking(take);
  const found = { begun: false, whole: false };
  await readMembers(
    join(folder, file),
    (member) => {
      if (found.begun) return 'done';
      const isIt = member.type === 'file' && member.target === undefined && member.path.equals(entry.path);
      if (!isIt) return undefined;
      if (member.size !== entry.size) throw damaged(entry.path, otherSize);
      found.begun = true;
      return {
        write: checked.take,
        end: async () => {
          found.whole = true;
        },
      };
    },
    signal,
    { unpacked: mostUnpacked(mount, (await stat(join(folder, file))).size) },
  );
  if (!found.whole) throw damaged(entry.path, 'it is not in the archive');
  checked.expect(entry.path, entry.sha256);
};

/**
 * The bytes of a regular file of a mount, from its tree or out of its archive (nothing else of that reaches the
 * disk). `entry` is that of the index. Rejects with `verify-failed` when it is not what the index says; the
 * bytes have been handed out by then.
 */
export const readContent = async (
  folder: string,
  mount: ManifestMount,
  entry: RecordEntry,
  take: Take,
  signal?: AbortSignal,
): Promise<void> => {
  if (mount.form === 'archive') {
    // Of a hard link the name that carries the bytes: it alone is known with their size and checksum everywhere.
    const carrier = entry.target === undefined ? entry : await entryAt(folder, mount, entry.target);
    if (carrier === undefined) throw damaged(entry.path, 'the index does not have the file it is a name of');
    return await readMember(folder, mount, carrier, take, signal);
  }
  const below = entry.path.length === 0 ? [] : [Buffer.from('/'), entry.path];
  const path = Buffer.concat([Buffer.from(mount.path), ...below]);
  await readPlain(folder, path, entry, take, signal);
};
