import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { StackBackupError } from '../../base/errors.ts';
import { readContent } from '../../copy/reading/content.ts';
import { entryAt } from '../../snapshot/inside/list.ts';
import type { ManifestMount } from '../../snapshot/types.ts';

const damaged = (mount: ManifestMount, why: string): StackBackupError =>
  new StackBackupError('verify-failed', `the copy of ${mount.name} cannot be put back: ${why}`, {
    next: 'Use another snapshot, or a replica of this one; `stack-backup verify` says what is wrong.',
  });

/**
 * Puts a single file back into a scratch file that is not there yet, with its owner and mode, and proves it. It
 * comes from a tree, or out of an archive where it was copied through the engine.
 */
export const putFileBack = async (
  folder: string,
  mount: ManifestMount,
  path: string,
  signal: AbortSignal,
): Promise<void> => {
  const entry = await entryAt(folder, mount, Buffer.alloc(0));
  if (entry?.type !== 'file') throw damaged(mount, 'its index names no file');
  await using to = await open(path, 'wx+', 0o600);
  await readContent(folder, mount, entry, async (chunk) => to.writeFile(chunk), signal);
  await to.chown(entry.uid, entry.gid);
  await to.chmod(entry.mode & 0o777);
  const hash = createHash('sha256');
  for await (const chunk of to.createReadStream({ start: 0, autoClose: false })) hash.update(chunk as Buffer);
  if (hash.digest('hex') !== entry.sha256) throw damaged(mount, 'its content changed');
};
