import { join } from 'node:path';
import { sideBySide } from '../entries/compare.ts';
import { printable, type RecordEntry, readRecords, sortRecords } from '../entries/records.ts';
import { recordEntries } from '../entries/write.ts';
import { type HashRequest, hashFiles } from '../hashing.ts';
import type { ManifestMount } from '../types.ts';
import { type Expected, Judge } from './judge.ts';
import { Links } from './links.ts';
import type { VerifyOptions } from './options.ts';
import { isRead } from './sample.ts';
import { checksumEntries, indexEntries } from './sources.ts';
import type { Findings } from './verification.ts';

/** A path that the list names twice: with one hash it is harmless, with two one of them is wrong. */
async function* unique(
  sums: AsyncIterable<readonly RecordEntry[]>,
  findings: Findings,
): AsyncGenerator<readonly RecordEntry[], void, void> {
  let last: Buffer | undefined;
  for await (const batch of sums) {
    const kept: RecordEntry[] = [];
    for (const entry of batch) {
      if (last?.equals(entry.path)) findings.add('sums', printable(entry.path), 'SHA256SUMS names it twice');
      else kept.push(entry);
      last = entry.path;
    }
    yield kept;
  }
}

export interface FilesOptions extends VerifyOptions {
  /** Absolute path of the snapshot. */
  readonly folder: string;
  /** Absolute path of a scratch folder. */
  readonly work: string;
  readonly findings: Findings;
  /** Told each file that is an SQLite database, by its path below the snapshot. */
  readonly onDatabase: (path: Buffer) => void;
}

/**
 * Everything in the folder and everything that should be, held against each other; content is hashed on all cores.
 */
export const checkFiles = async (mounts: readonly ManifestMount[], options: FilesOptions): Promise<void> => {
  const { folder, work, findings, signal, onProgress, onDatabase } = options;
  const [tree, sums] = [join(work, 'tree'), join(work, 'sums')];
  await options.readers.recordWalk(folder, tree, signal);
  await recordEntries(checksumEntries(folder, findings), sums);
  await Promise.all([sortRecords(tree, signal), sortRecords(sums, signal)]);
  const broken = new Set<string>();
  const judge = new Judge(mounts, broken, findings);
  await using links = await Links.create(join(work, 'links'));
  const wanted = (request: HashRequest<Expected> | undefined): request is HashRequest<Expected> => {
    if (request === undefined) return false;
    const isWanted = isRead(request.item.path, options);
    if (!isWanted) findings.skipped(request.item.size);
    return isWanted;
  };
  const requests = async function* (): AsyncGenerator<readonly HashRequest<Expected>[], void, void> {
    const rows = sideBySide(
      readRecords(tree),
      unique(readRecords(sums), findings),
      indexEntries(folder, mounts, findings, broken),
    );
    for await (const batch of rows) {
      for (const [found, , index] of batch)
        if (found !== undefined && index !== undefined) links.add(index, found.inode);
      await links.flush();
      yield batch.map(([found, sum, index]) => judge.row({ found, sum, index })).filter(wanted);
    }
  };
  const hashing = { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
  for await (const results of hashFiles(folder, requests(), hashing)) {
    for (const { item, sha256, failure, isDatabase } of results) {
      if (failure !== undefined) findings.damaged(item.path, `it cannot be read: ${failure}`);
      else if (sha256 !== item.sha256) findings.damaged(item.path, 'its content changed');
      else {
        findings.checked(item.size);
        if (isDatabase) onDatabase(item.path);
      }
    }
  }
  await links.check(findings, signal);
};
