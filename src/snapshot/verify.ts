import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { removeTree } from '../base/disk.ts';
import { messageOf, StackBackupError } from '../base/errors.ts';
import { ascending, difference, sideBySide } from './entries/compare.ts';
import { printable, type RecordEntry, readRecords, sortRecords } from './entries/records.ts';
import { recordEntries } from './entries/write.ts';
import { type HashRequest, hashFiles } from './hashing.ts';
import { readIndex } from './index-file.ts';
import { sumsName } from './layout.ts';
import { readManifest } from './manifest.ts';
import type { Manifest, ManifestMount, RecordWalk } from './types.ts';
import { type Expected, Judge } from './verifying/judge.ts';
import { checksumEntries, indexEntries, isPlainFile } from './verifying/sources.ts';
import { Findings, type Verification } from './verifying/verification.ts';

export type { Problem, Verification } from './verifying/verification.ts';

/** How trees and archives are read; `copy/` brings both (this room stands above it). */
export interface SnapshotReaders {
  readonly recordWalk: RecordWalk;
  /** Members of a `.tar.zst`, each file with its SHA-256. */
  readonly listArchive: (file: string, signal?: AbortSignal) => AsyncIterable<readonly RecordEntry[]>;
}

export interface VerifyOptions {
  readonly readers: SnapshotReaders;
  readonly signal?: AbortSignal;
  /** Told the bytes read so far, a few times a second. */
  readonly onProgress?: (bytes: number) => void;
}

const hashOf = async (file: string): Promise<string> => {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
};

const manifestOf = async (folder: string, findings: Findings): Promise<Manifest | undefined> => {
  try {
    return await readManifest(folder);
  } catch (thrown) {
    if (!(thrown instanceof StackBackupError) || thrown.code !== 'verify-failed') throw thrown;
    findings.add('manifest', 'manifest.json', thrown.message);
    return undefined;
  }
};

/** False when there is no list to check anything by. */
const checkSums = async (folder: string, manifest: Manifest, findings: Findings): Promise<boolean> => {
  const file = join(folder, sumsName);
  if (!(await isPlainFile(file))) {
    findings.add('sums', sumsName, 'it is not there');
    return false;
  }
  if ((await hashOf(file)) !== manifest.sums.sha256)
    findings.add('sums', sumsName, 'it is not the list that the manifest was made with');
  return true;
};

/** Everything in the folder and everything that should be, held against each other; content is hashed on all cores. */
const checkFiles = async (
  folder: string,
  work: string,
  mounts: readonly ManifestMount[],
  options: VerifyOptions,
  findings: Findings,
): Promise<void> => {
  const { signal, onProgress } = options;
  const [tree, sums] = [join(work, 'tree'), join(work, 'sums')];
  await options.readers.recordWalk(folder, tree, signal);
  await recordEntries(checksumEntries(folder, findings), sums);
  await Promise.all([sortRecords(tree, signal), sortRecords(sums, signal)]);
  const broken = new Set<string>();
  const judge = new Judge(mounts, broken, findings);
  const requests = async function* (): AsyncGenerator<readonly HashRequest<Expected>[], void, void> {
    const rows = sideBySide(
      readRecords(tree),
      unique(readRecords(sums), findings),
      indexEntries(folder, mounts, findings, broken),
    );
    for await (const batch of rows)
      yield batch.flatMap(([found, sum, index]) => judge.row({ found, sum, index }) ?? []);
  };
  const hashing = { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
  for await (const results of hashFiles(folder, requests(), hashing)) {
    for (const { item, sha256, failure } of results) {
      if (failure !== undefined) findings.damaged(item.path, `it cannot be read: ${failure}`);
      else if (sha256 !== item.sha256) findings.damaged(item.path, 'its content changed');
      else findings.checked(item.size);
    }
  }
};

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

const judgeMember = (
  mount: ManifestMount,
  found: RecordEntry | undefined,
  said: RecordEntry | undefined,
  findings: Findings,
): void => {
  const path = `${mount.path}: ${printable((found ?? said)?.path ?? Buffer.alloc(0))}`;
  if (said === undefined) findings.add('extra', path, 'the index of its volume does not name it');
  else if (found === undefined) findings.add('missing', path, 'it is not in the archive');
  else {
    const differs = difference(asMember(said, found), found);
    if (differs !== undefined) findings.add('index', path, differs);
    if (said.sha256 !== found.sha256) findings.add('checksum', path, 'its content changed');
  }
};

/** What an index says of one file of its archive. */
async function* ofPart(index: string, part: number): AsyncGenerator<readonly RecordEntry[], void, void> {
  for await (const batch of ascending(readIndex(index)))
    yield batch.filter((entry) => (entry.part ?? 0) === part);
}

/** The index has the size of a hard-linked file with each of its names; an archive with the first alone. */
const asMember = (said: RecordEntry, found: RecordEntry): RecordEntry =>
  found.type === 'file' && found.target !== undefined ? { ...said, size: found.size } : said;

/** The members of an archive against its index. */
const checkArchive = async (
  folder: string,
  work: string,
  mount: ManifestMount,
  { readers, signal }: VerifyOptions,
  findings: Findings,
): Promise<void> => {
  const index = join(folder, mount.index);
  const files = mount.parts?.map(({ path }) => path) ?? [mount.path];
  // What is missing has been told already, with the other files.
  for (const file of [...files, mount.index]) if (!(await isPlainFile(join(folder, file)))) return;
  const members = join(work, 'members');
  try {
    for (const [part, file] of files.entries()) {
      await recordEntries(readers.listArchive(join(folder, file), signal), members);
      await sortRecords(members, signal);
      // What a later part replaced, or what is gone, stays in its own.
      for await (const rows of sideBySide(readRecords(members), ofPart(index, part)))
        for (const [found, said] of rows)
          if (said !== undefined || mount.parts === undefined) judgeMember(mount, found, said, findings);
    }
  } catch (thrown) {
    if (signal?.aborted) throw thrown;
    findings.add('index', mount.path, messageOf(thrown));
  }
};

/**
 * Re-reads a whole snapshot: the manifest against its schema, SHA256SUMS against the manifest, every file
 * against SHA256SUMS, what is missing or extra, every tree and archive against its index. Writes nothing in
 * it and follows no link in it. Rejects when there is no snapshot, with `interrupted`, or when the folder
 * cannot be read; whatever is wrong with the snapshot itself is a problem in the answer.
 */
export const verifySnapshot = async (folder: string, options: VerifyOptions): Promise<Verification> => {
  const findings = new Findings();
  const manifest = await manifestOf(folder, findings);
  if (manifest === undefined || !(await checkSums(folder, manifest, findings))) return findings.verification;
  const work = await mkdtemp(join(tmpdir(), 'stack-backup-verify-'));
  try {
    await checkFiles(folder, work, manifest.mounts, options, findings);
    for (const mount of manifest.mounts.filter(({ form }) => form === 'archive'))
      await checkArchive(folder, work, mount, options, findings);
    return findings.verification;
  } finally {
    await removeTree(work);
  }
};
