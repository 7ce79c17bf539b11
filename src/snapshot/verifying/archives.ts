import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { ascending, difference, sideBySide } from '../entries/compare.ts';
import { printable, type RecordEntry, readRecords, sortRecords } from '../entries/records.ts';
import { recordEntries } from '../entries/write.ts';
import { readIndexOf } from '../index-file.ts';
import { mostUnpacked } from '../manifest/most.ts';
import type { ManifestMount } from '../types.ts';
import type { ArchiveWatch, VerifyOptions } from './options.ts';
import { isRead } from './sample.ts';
import { isPlainFile } from './sources.ts';
import type { Findings } from './verification.ts';

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

/** The index has the size of a hard-linked file with each of its names; an archive with the first alone. */
const asMember = (said: RecordEntry, found: RecordEntry): RecordEntry =>
  found.type === 'file' && found.target !== undefined ? { ...said, size: found.size } : said;

/** What an index says of one file of its archive. */
async function* ofPart(
  folder: string,
  mount: ManifestMount,
  part: number,
): AsyncGenerator<readonly RecordEntry[], void, void> {
  for await (const batch of ascending(readIndexOf(folder, mount)))
    yield batch.filter((entry) => (entry.part ?? 0) === part);
}

/** The most that a file of an archive can hold. Earlier ones than the last keep what was replaced since. */
const limitOf = async (
  folder: string,
  mount: ManifestMount,
  part: number,
): Promise<ArchiveWatch['limit']> => {
  const files = filesOf(mount);
  const { size: fileBytes } = await stat(join(folder, files[part] ?? ''));
  const unpacked = mostUnpacked(mount, fileBytes);
  if (part < files.length - 1) return { unpacked };
  let [members, bytes] = [0, 0];
  for await (const batch of ofPart(folder, mount, part))
    for (const { type, size, target } of batch) {
      members++;
      if (type === 'file' && target === undefined) bytes += size;
    }
  return { members, bytes, unpacked };
};

/** The files of an archive, relative to the snapshot, first to last. */
export const filesOf = (mount: ManifestMount): readonly string[] =>
  mount.parts?.map(({ path }) => path) ?? [mount.path];

export interface ArchiveOptions extends VerifyOptions {
  readonly folder: string;
  readonly work: string;
  readonly findings: Findings;
  /** Told each member that is an SQLite database and that the index still names. */
  readonly onDatabase: (mount: ManifestMount, path: Buffer) => void;
  readonly onBytes: (bytes: number) => void;
}

/** The members of an archive against its index. */
export const checkArchive = async (mount: ManifestMount, options: ArchiveOptions): Promise<void> => {
  const { folder, work, readers, signal, findings, onBytes, onDatabase } = options;
  const files = filesOf(mount);
  // What is missing has been told already, with the other files.
  for (const file of [...files, mount.index]) if (!(await isPlainFile(folder, file))) return;
  const members = join(work, 'members');
  try {
    for (const [part, file] of files.entries()) {
      if (!isRead(Buffer.from(file), options)) continue;
      const databases = new Set<string>();
      const limit = await limitOf(folder, mount, part);
      const watch = {
        onBytes,
        limit,
        onDatabase: (path: Buffer) => void databases.add(path.toString('latin1')),
      };
      await recordEntries(readers.listArchive(join(folder, file), signal, watch), members);
      await sortRecords(members, signal);
      // What a later part replaced, or what is gone, stays in its own.
      for await (const rows of sideBySide(readRecords(members), ofPart(folder, mount, part)))
        for (const [found, said] of rows) {
          if (said !== undefined || mount.parts === undefined) judgeMember(mount, found, said, findings);
          if (said !== undefined && databases.has(said.path.toString('latin1'))) onDatabase(mount, said.path);
        }
    }
  } catch (thrown) {
    if (signal?.aborted) throw thrown;
    findings.add('index', mount.path, messageOf(thrown));
  }
};
