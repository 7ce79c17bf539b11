import { renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '../../../base/errors.ts';
import { run } from '../../../base/process.ts';
import { type HashRequest, hashFiles } from '../../../snapshot/hashing.ts';
import { complaint } from '../../walk.ts';
import type { Decided } from '../back.ts';
import { archiveFor } from '../engine/stream.ts';
import { assertAsIndexed } from '../fill/tree.ts';
import { Unpacking } from '../fill/unpacking.ts';
import { refused, stuck } from '../trouble.ts';
import type { BackOptions } from '../types.ts';
import { look } from './carry-out.ts';
import { FolderWalk } from './folder-walk.ts';
import { Staging } from './staging.ts';

/** Makes the file in a folder of the staging, under the name `file`. */
const make = async ({ source, wanted }: Decided, into: string, signal?: AbortSignal): Promise<void> => {
  const { folder, mount } = source;
  if (mount.form === 'archive') {
    const unpacking = new Unpacking(into, mount.name, signal, 0);
    try {
      for await (const bytes of archiveFor(source, wanted, 'file', signal)) await unpacking.write(bytes);
    } catch (thrown) {
      await unpacking.giveUp();
      throw thrown;
    }
    await unpacking.end();
    return;
  }
  const file = join(folder, mount.path);
  using beside = new FolderWalk(dirname(file));
  for await (const batch of wanted.entries())
    for (const entry of batch)
      assertAsIndexed({ ...entry, path: Buffer.from(basename(file)) }, beside, mount.name);
  const result = await run(['cp', '-a', '--preserve=xattr', '-T', '--', file, join(into, 'file')], {
    env: { LC_ALL: 'C' },
    ...(signal && { signal }),
  });
  const why = complaint(result);
  if (why !== undefined) throw stuck(mount.name, why);
};

/** Puts back a bind that is one file: a new one takes its place. */
export const replaceFile = async (decided: Decided, options: BackOptions): Promise<readonly string[]> => {
  const { source, target, wanted } = decided;
  const { name } = source.mount;
  using folder = new FolderWalk(dirname(target));
  await using staging = await Staging.open(target);
  const batch = staging.batch();
  await make(decided, join(staging.path, batch), options.signal);
  const requests = async function* (): AsyncGenerator<
    readonly HashRequest<string | undefined>[],
    void,
    void
  > {
    for await (const entries of wanted.entries())
      yield entries.map(({ size, sha256 }) => ({ item: sha256, path: Buffer.from('file'), size }));
  };
  for await (const results of hashFiles(join(staging.path, batch), requests()))
    for (const { item, sha256 } of results)
      if (item !== sha256) throw refused(name, 'its content is not what the index says');
  try {
    renameSync(staging.walk.at(Buffer.from(`${batch}/file`)), folder.at(Buffer.from(basename(target))));
  } catch (thrown) {
    throw stuck(name, messageOf(thrown), thrown);
  }
  await look(decided, options.signal);
  return [];
};
