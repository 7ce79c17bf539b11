import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { makeFolderIn, writing } from '../../base/disk.ts';
import { asStackBackupError, errnoOf, messageOf, StackBackupError } from '../../base/errors.ts';
import type { Engine } from '../../docker/engine.ts';
import { decompressing } from '../../snapshot/entries/plain.ts';
import type { RecordEntry } from '../../snapshot/entries/records.ts';
import { isSqliteHeader, sqliteHeaderBytes } from '../../snapshot/entries/sqlite.ts';
import { rawArchivePath } from '../../snapshot/layout.ts';
import type { ArchiveWatch } from '../../snapshot/verify.ts';
import type { CopyOptions } from '../tree.ts';
import type { Copied, CopyTask } from '../types.ts';
import { TarReader } from './tar.ts';

/** What the archive API of the engine cannot carry (docs: DOCKER-FACTS). */
const lostByEngine: readonly string[] = ['xattrs', 'acls', 'ns-times', 'sockets', 'holes'];

const progressMs = 250;

/** Where the archive of a task lies until `compressArchive` gives it its final form. */
export const rawArchiveOf = (snapshot: string, task: CopyTask): string =>
  join(snapshot, rawArchivePath(task.path.replace(/\.tar\.zst$/, '')));

/** Passes an archive on and, at its end, makes sure that it was a whole one with something in it. */
const checked = (onProgress: ((bytes: number) => void) | undefined) =>
  async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
    let members = 0;
    let bytes = 0;
    let told = performance.now();
    const reader = new TarReader({ entry: () => members++, data: (chunk) => (bytes += chunk.length) });
    for await (const chunk of source) {
      reader.push(chunk);
      if (onProgress !== undefined && performance.now() - told >= progressMs) {
        told = performance.now();
        onProgress(bytes);
      }
      yield chunk;
    }
    reader.end();
    if (members === 0) throw new StackBackupError('copy-failed', 'the engine sent an empty archive');
    onProgress?.(bytes);
  };

const failed = (task: CopyTask, thrown: unknown, signal: AbortSignal | undefined): StackBackupError => {
  if (signal?.aborted)
    return new StackBackupError('interrupted', `the copy of ${task.name} was interrupted`, { cause: thrown });
  if (thrown instanceof StackBackupError && thrown.code !== 'copy-failed') return thrown;
  return new StackBackupError(
    'copy-failed',
    `cannot copy ${task.name} through the engine: ${messageOf(thrown)}`,
    {
      cause: thrown,
      next:
        errnoOf(thrown) === 'ENOSPC'
          ? 'Free space in the backups folder, then run the backup again.'
          : (asStackBackupError(thrown).next ?? 'Look at the engine’s log, then run the backup again.'),
    },
  );
};

/**
 * Copies what a never-started holder mounts at `target` into a plain tar in the snapshot folder, as the
 * engine sends it: members begin with the last part of the target. It is not compressed here, because the
 * services stand still meanwhile. Rejects with `copy-failed` when the archive does not end properly.
 */
export const copyThroughEngine = async (
  task: CopyTask,
  snapshot: string,
  options: CopyOptions & { readonly engine: Engine; readonly holder: string; readonly target: string },
): Promise<Copied> => {
  const { engine, holder, target, signal, onProgress } = options;
  const from = performance.now();
  const file = rawArchiveOf(snapshot, task);
  await makeFolderIn(dirname(file));
  try {
    await pipeline(
      await engine.readArchive(holder, target, signal),
      checked(onProgress),
      createWriteStream(file, { flags: 'wx', mode: 0o600 }),
      ...(signal === undefined ? [] : [{ signal }]),
    );
  } catch (thrown) {
    throw failed(task, thrown, signal);
  }
  const ms = Math.round(performance.now() - from);
  return { task, form: 'archive', ms, lost: lostByEngine, warnings: [] };
};

/** Turns `x.tar` into `x.tar.zst` (zstd with its own checksum) and removes `x.tar`. Returns the new path. */
export const compressArchive = async (tar: string, signal?: AbortSignal): Promise<string> => {
  const compressed = `${tar}.zst`;
  const written = pipeline(
    createReadStream(tar, { highWaterMark: 1024 * 1024 }),
    createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
    createWriteStream(compressed, { flags: 'wx', mode: 0o600 }),
    ...(signal === undefined ? [] : [{ signal }]),
  );
  await writing(compressed, written);
  await rm(tar);
  return compressed;
};

/** The plain bytes of a `.tar` or `.tar.zst`; `close` whatever happens. */
export const openArchive = (file: string): { readonly plain: Readable; close(): void } => {
  const source = createReadStream(file, { highWaterMark: 256 * 1024 });
  if (!file.endsWith('.zst')) return { plain: source, close: () => source.destroy() };
  const plain = decompressing();
  // The outcome reaches whoever reads `plain`.
  pipeline(source, plain).catch(() => undefined);
  return {
    plain,
    close: () => {
      source.destroy();
      plain.destroy();
    },
  };
};

/** The path below the archive's one top folder (or file), which the engine names after the mount point. */
export const belowTop = (path: Buffer): Buffer => {
  const slash = path.indexOf(0x2f);
  return slash === -1 ? Buffer.alloc(0) : path.subarray(slash + 1);
};

/**
 * The members of a `.tar` or `.tar.zst`, in its order, each regular file with the SHA-256 of its content,
 * as entries relative to the archive's top folder. Nothing is extracted; constant memory.
 */
export async function* listArchive(
  file: string,
  signal?: AbortSignal,
  watch?: ArchiveWatch,
): AsyncGenerator<readonly RecordEntry[], void, void> {
  let ready: RecordEntry[] = [];
  let entry: RecordEntry | undefined;
  let hash: Hash | undefined;
  let beginning: Buffer = Buffer.alloc(0);
  const reader = new TarReader(
    {
      entry: (member) => {
        const isLink = member.type === 'file' && member.target !== undefined;
        entry = {
          ...member,
          path: belowTop(member.path),
          ...(isLink ? { target: belowTop(member.target as Buffer) } : {}),
        };
        hash = member.type === 'file' && !isLink ? createHash('sha256') : undefined;
        beginning = Buffer.alloc(0);
      },
      data: (chunk) => {
        hash?.update(chunk);
        if (watch !== undefined && beginning.length < sqliteHeaderBytes)
          beginning = Buffer.concat([beginning, chunk.subarray(0, sqliteHeaderBytes)]);
      },
      end: () => {
        if (entry === undefined) return;
        if (isSqliteHeader(beginning)) watch?.onDatabase(entry.path);
        ready.push(hash === undefined ? entry : { ...entry, sha256: hash.digest('hex') });
      },
    },
    watch?.limit,
  );
  const archive = openArchive(file);
  try {
    for await (const chunk of archive.plain as AsyncIterable<Buffer>) {
      if (signal?.aborted) throw new StackBackupError('interrupted', `reading ${file} was interrupted`);
      reader.push(chunk);
      watch?.onBytes(chunk.length);
      if (ready.length > 0) yield ready;
      ready = [];
    }
    reader.end();
  } finally {
    archive.close();
  }
}
