import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackSource } from '../../../src/copy/back/back.ts';
import { takeStamp } from '../../../src/copy/changes/stamp.ts';
import { finishCopy } from '../../../src/copy/finish.ts';
import { copyTree } from '../../../src/copy/tree.ts';
import { recordWalk } from '../../../src/copy/walk.ts';
import { ChecksumWriter } from '../../../src/snapshot/checksums.ts';
import { type RecordEntry, readRecords, sortRecords } from '../../../src/snapshot/entries/records.ts';
import { FileHasher } from '../../../src/snapshot/hashing.ts';
import { writeIndex } from '../../../src/snapshot/index-file.ts';

/** A snapshot of one folder, made by the tool's own parts: what putting back needs of one. */
export const snapshotOf = async (live: string, folder: string): Promise<BackSource> => {
  await mkdir(folder);
  const task = { kind: 'volume', name: 'data', source: live, path: 'volumes/data', method: 'host' } as const;
  const copied = await copyTree(task, folder, { bytes: 0, quiet: true });
  await using sums = await ChecksumWriter.create(join(folder, 'SHA256SUMS'));
  await using hasher = new FileHasher(folder);
  const result = await finishCopy(copied, { snapshot: folder, sums, hasher });
  await sums.finish();
  const { entries, files, bytes, lost, index, settled } = result;
  return {
    folder,
    mount: {
      ...{ kind: 'volume', name: 'data', path: task.path, form: 'tree', method: 'host', source: live },
      ...{ driver: 'local', options: {}, labels: {}, anonymous: false, external: false, users: [] },
      ...{ entries, files, bytes, lost, index, consistency: 'clean' },
      settled: String(settled ?? 0),
    },
  };
};

/**
 * What the safety snapshot of a restore knows of a folder just before that is overwritten: its index, without
 * the copy. What changed in the last 25 ms counts as unknown.
 */
export const knowledgeOf = async (live: string, folder: string, like: BackSource): Promise<BackSource> => {
  await mkdir(folder, { recursive: true });
  const [listing, index] = [join(folder, 'listing'), join(folder, 'index')];
  await Promise.all([listing, index].map((file) => rm(file, { force: true })));
  const { since } = await takeStamp(folder);
  await recordWalk(live, listing);
  await sortRecords(listing);
  await using hasher = new FileHasher(live);
  const requests = async function* () {
    for await (const batch of readRecords(listing))
      yield batch.map((item) => ({
        item,
        size: item.size,
        ...(item.type === 'file' ? { path: item.path } : {}),
      }));
  };
  const entries = async function* (): AsyncGenerator<readonly RecordEntry[], void, void> {
    for await (const results of hasher.hash(requests()))
      yield results.map(({ item, sha256 }) => (sha256 === undefined ? item : { ...item, sha256 }));
  };
  await writeIndex(index, entries());
  return { folder, mount: { ...like.mount, index: 'index', settled: String(since) } };
};
