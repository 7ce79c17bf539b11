import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import type { FileHasher, HashRequest } from '../../../snapshot/hashing.ts';
import type { Decided } from '../back.ts';
import { refused } from '../trouble.ts';
import type { FolderWalk } from './folder-walk.ts';
import type { Batch } from './place.ts';

/** So much is read on this thread: starting others takes longer. */
const smallBytes = 32 * 1024 * 1024;
const smallFiles = 256;
const block = 256 * 1024;

const hashHere = (path: Buffer, bytes: Buffer): string | undefined => {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) return undefined;
    const hash = createHash('sha256');
    for (let count = readSync(file, bytes); count > 0; count = readSync(file, bytes))
      hash.update(bytes.subarray(0, count));
    return hash.digest('hex');
  } finally {
    closeSync(file);
  }
};

type Sums = AsyncIterable<readonly { readonly item: RecordEntry; readonly sha256?: string | undefined }[]>;

/** The hashes of the files of a batch. */
async function* sumsOf(batch: Batch, staging: FolderWalk, hasher: FileHasher): Sums {
  const files = batch.entries.filter(({ type }) => type === 'file');
  const pathOf = ({ path }: RecordEntry): Buffer => Buffer.concat([Buffer.from(`${batch.name}/`), path]);
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (bytes > smallBytes || files.length > smallFiles) {
    const requests = async function* (): AsyncGenerator<readonly HashRequest<RecordEntry>[], void, void> {
      yield files.map((item) => ({ item, path: pathOf(item), size: item.size }));
    };
    yield* hasher.hash(requests());
    return;
  }
  const buffer = Buffer.allocUnsafe(block);
  for (const item of files) {
    yield [{ item, sha256: hashHere(staging.at(pathOf(item)), buffer) }];
    await setImmediate();
  }
  staging.forget();
}

/** Reads again what was made, before it is put in its place. Resolves with its bytes; rejects with `verify-failed`. */
export const check = async (
  batch: Batch,
  staging: FolderWalk,
  hasher: FileHasher,
  { filler, source }: Decided,
): Promise<number> => {
  if (batch.isProved) return batch.entries.reduce((sum, { size }) => sum + size, 0);
  let bytes = 0;
  for await (const results of sumsOf(batch, staging, hasher))
    for (const { item, sha256 } of results) {
      if (sha256 === undefined || !filler.isContent(item, sha256))
        throw refused(source.mount.name, 'its content is not what the index says', item.path);
      bytes += item.size;
    }
  return bytes;
};
