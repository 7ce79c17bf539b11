import { rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolderIn } from '../../base/disk.ts';
import { readRecords, sortRecords } from '../../snapshot/entries/records.ts';
import { recordEntries } from '../../snapshot/entries/write.ts';
import { writeIndex } from '../../snapshot/index-file.ts';
import { indexPath, sourceRecordsPath, workPath } from '../../snapshot/layout.ts';
import type { Copied, CopyResult } from '../types.ts';
import { TreeCount } from '../walk.ts';
import { compressArchive, listArchive, rawArchiveOf } from './archive.ts';

/** Lists (with hashes) and compresses the raw archive of a mount, then indexes it. */
export const finishArchive = async (
  copied: Copied,
  { snapshot, signal }: { readonly snapshot: string; readonly signal?: AbortSignal },
): Promise<CopyResult> => {
  const { task } = copied;
  const raw = rawArchiveOf(snapshot, task);
  const members = sourceRecordsPath(snapshot, task.path);
  await makeFolderIn(workPath(snapshot));
  await recordEntries(listArchive(raw, signal), members);
  const compressed = await compressArchive(raw, signal);
  await sortRecords(members, signal);
  const count = new TreeCount();
  const entries = async function* () {
    for await (const batch of readRecords(members)) {
      for (const entry of batch) count.add({ ...entry, identity: '' });
      yield batch;
    }
  };
  const index = indexPath(task.path);
  await makeFolderIn(dirname(join(snapshot, index)));
  await writeIndex(join(snapshot, index), entries(), signal);
  await rm(members);
  const { blocks } = await stat(compressed);
  return { ...copied, ...count.size, allocated: blocks * 512, index };
};
