import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { StackBackupError } from '../../base/errors.ts';
import { readIndex } from '../../snapshot/index-file.ts';
import type { ManifestMount } from '../../snapshot/types.ts';

const damaged = (mount: ManifestMount, why: string): StackBackupError =>
  new StackBackupError('verify-failed', `the copy of ${mount.name} cannot be put back: ${why}`, {
    next: 'Use another snapshot, or a replica of this one; `stack-backup verify` says what is wrong.',
  });

/** What the index says of the one file. */
const entryOf = async (folder: string, mount: ManifestMount) => {
  for await (const batch of readIndex(join(folder, mount.index)))
    for (const entry of batch) if (entry.path.length === 0 && entry.type === 'file') return entry;
  throw damaged(mount, 'its index names no file');
};

/** Puts a single file back into a scratch file that is not there yet, with its owner and mode, and proves it. */
export const putFileBack = async (
  folder: string,
  mount: ManifestMount,
  path: string,
  signal: AbortSignal,
): Promise<void> => {
  const { mode, uid, gid, sha256 } = await entryOf(folder, mount);
  const source = join(folder, mount.path);
  if (mount.form !== 'tree' || !(await lstat(source)).isFile()) throw damaged(mount, 'it is no file');
  await using from = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW);
  await using to = await open(path, 'wx', 0o600);
  for await (const chunk of from.createReadStream({ autoClose: false })) {
    signal.throwIfAborted();
    await to.writeFile(chunk as Buffer);
  }
  await to.chown(uid, gid);
  await to.chmod(mode & 0o777);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  if (hash.digest('hex') !== sha256) throw damaged(mount, 'its content changed');
};
