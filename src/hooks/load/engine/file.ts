import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { StackBackupError } from '../../../base/errors.ts';
import { TarReader } from '../../../copy/archive/tar.ts';
import { archiveEnd, memberHead, paddingAfter } from '../../../copy/back/place/headers.ts';
import { statusOf } from '../../../docker/failure.ts';
import { bareFile } from '../../../snapshot/entries/bare.ts';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { printable } from '../../output.ts';
import type { LoadContext } from '../types.ts';

/** Undefined for what is not there. */
export const unlessMissing = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await work();
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
};

/** The first member of what the engine sends of a path, which is the path itself. */
export const entryThrough = async (
  { engine, container, signal }: LoadContext,
  path: string,
): Promise<RecordEntry | undefined> => {
  const tar = await unlessMissing(() => engine.readArchive(container.id, path, signal));
  if (tar === undefined) return undefined;
  let found: RecordEntry | undefined;
  const reader = new TarReader({
    entry: (entry) => {
      found ??= entry;
    },
  });
  try {
    for await (const chunk of tar) {
      reader.push(chunk as Buffer);
      if (found !== undefined) break;
    }
  } finally {
    tar.destroy();
  }
  return found;
};

/** The SHA-256 of a regular file of a container, its bytes written to a new file; undefined where there is none. */
export const fetchThrough = async (
  context: LoadContext,
  path: string,
  into?: string,
): Promise<string | undefined> => {
  const { engine, container, signal } = context;
  const tar = await unlessMissing(() => engine.readArchive(container.id, path, signal));
  if (tar === undefined) return undefined;
  let isThere = false;
  const hash: Hash = createHash('sha256');
  let waiting: Buffer[] = [];
  const reader = new TarReader({
    entry: (member) => {
      if (isThere || member.type !== 'file' || member.target !== undefined)
        throw new StackBackupError('hook-failed', `"${printable(path, 200)}" is not a regular file`, {
          next: 'Give the path of the database file itself.',
        });
      isThere = true;
    },
    data: (chunk) => {
      hash.update(chunk);
      if (into !== undefined) waiting.push(chunk);
    },
  });
  let file: FileHandle | undefined;
  try {
    file = into === undefined ? undefined : await open(into, 'wx', 0o600);
    for await (const chunk of tar) {
      reader.push(chunk as Buffer);
      for (const part of waiting) await file?.writeFile(part);
      waiting = [];
    }
    reader.end();
  } finally {
    tar.destroy();
    await file?.close();
  }
  return isThere ? hash.digest('hex') : undefined;
};

/** A file to be put into a folder of a container: the bytes of one of this machine, or none. */
export interface FileToPut {
  readonly name: string;
  readonly like: Pick<RecordEntry, 'uid' | 'gid' | 'mode'>;
  readonly content?: { readonly file: string; readonly size: number };
}

async function* tarOf(files: readonly FileToPut[], hash: Hash): AsyncGenerator<Buffer, void, void> {
  for (const { name, like, content } of files) {
    const size = content?.size ?? 0;
    const mtimeNs = BigInt(Date.now()) * 1_000_000n;
    yield memberHead('file', name, { ...bareFile(Buffer.from(name)), ...like, mtimeNs, size });
    if (content === undefined) continue;
    for await (const chunk of createReadStream(content.file)) {
      hash.update(chunk as Buffer);
      yield chunk as Buffer;
    }
    yield paddingAfter(size);
  }
  yield archiveEnd;
}

/**
 * Puts files into the folder of a container where `path` lies, in the place of those there are. Resolves with the
 * SHA-256 of what was sent of their contents. It is not interrupted: what is half put is nothing.
 */
export const putThrough = async (
  { engine, container }: LoadContext,
  path: string,
  files: readonly FileToPut[],
): Promise<string> => {
  const hash = createHash('sha256');
  const tar = Readable.from(tarOf(files, hash));
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  tar.on('error', broken.reject); // what is wrong here counts, not what the engine says of it
  try {
    await Promise.race([engine.writeArchive(container.id, posix.dirname(path), tar), broken.promise]);
  } finally {
    tar.destroy();
  }
  return hash.digest('hex');
};
