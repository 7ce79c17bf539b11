import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { StackBackupError } from '../base/errors.ts';
import { sumsName } from './layout.ts';
import { readManifest } from './manifest.ts';
import type { Manifest } from './types.ts';
import { checkArchive } from './verifying/archives.ts';
import { checkFiles } from './verifying/files.ts';
import { Databases } from './verifying/opening/databases.ts';
import type { VerifyOptions } from './verifying/options.ts';
import { isPlainFile } from './verifying/sources.ts';
import { Findings, type Verification } from './verifying/verification.ts';
import { scratchFolder } from './verifying/work.ts';

export type {
  ArchiveWatch,
  Extraction,
  Opened,
  Openers,
  SnapshotReaders,
  VerifyOptions,
} from './verifying/options.ts';
export type { Problem, Verification } from './verifying/verification.ts';

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
  if (!(await isPlainFile(folder, sumsName))) {
    findings.add('sums', sumsName, 'it is not there');
    return false;
  }
  if ((await hashOf(file)) !== manifest.sums.sha256)
    findings.add('sums', sumsName, 'it is not the list that the manifest was made with');
  return true;
};

/**
 * Re-reads a whole snapshot: the manifest against its checksum and schema, SHA256SUMS against the manifest, every
 * file against SHA256SUMS, what is missing or extra, every tree and archive against its index, hard links; and it
 * opens databases and dumps, as scratch copies. Writes nothing in it and follows no link in it. Rejects when
 * there is no snapshot, with `interrupted`, or when the folder cannot be read; whatever is wrong with the
 * snapshot itself is a problem in the answer.
 */
export const verifySnapshot = async (folder: string, options: VerifyOptions): Promise<Verification> => {
  const findings = new Findings();
  const manifest = await manifestOf(folder, findings);
  if (manifest === undefined || !(await checkSums(folder, manifest, findings))) return findings.verification;
  await using work = await scratchFolder();
  const databases = new Databases(manifest);
  const place = { ...options, folder, work: work.path, findings };
  let read = 0;
  const onProgress = (bytes: number): void => options.onProgress?.(read + bytes);
  await checkFiles(manifest.mounts, {
    ...place,
    ...(options.onProgress && { onProgress }),
    onDatabase: (path) => databases.inTree(path),
  });
  read = findings.verification.bytes;
  const onBytes = (bytes: number): void => {
    read += bytes;
    options.onProgress?.(read);
  };
  for (const mount of manifest.mounts.filter(({ form }) => form === 'archive'))
    await checkArchive(mount, {
      ...place,
      onBytes,
      onDatabase: (from, path) => databases.inArchive(from, path),
    });
  await databases.open(place);
  return findings.verification;
};
