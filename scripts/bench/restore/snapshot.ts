import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackSource } from '../../../src/copy/back/back.ts';
import { finishCopy } from '../../../src/copy/finish.ts';
import { copyTree } from '../../../src/copy/tree.ts';
import { ChecksumWriter } from '../../../src/snapshot/checksums.ts';
import { FileHasher } from '../../../src/snapshot/hashing.ts';

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
