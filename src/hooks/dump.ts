import { createHash } from 'node:crypto';
import { type FileHandle, lstat, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { makeFolderIn } from '../base/disk.ts';
import { errnoOf, StackBackupError } from '../base/errors.ts';

/** Longest encoded name; with `.sqlite.partial-journal` behind it a name stays under 255 bytes. */
const longest = 200;

/**
 * A file name for any text, different for different texts: bytes outside `A-Z a-z 0-9 _ . -` and a leading
 * `.` or `-` are percent-encoded (UTF-8); what is too long is cut and ends with its SHA-256.
 */
export const fileNameOf = (text: string): string => {
  let name = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const char = String.fromCharCode(byte);
    const plain = /[A-Za-z0-9_]/.test(char) || (/[.-]/.test(char) && name !== '');
    name += plain ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  if (name !== '' && name.length <= longest) return name;
  const hash = createHash('sha256').update(text).digest('hex');
  return `${name.slice(0, longest - 65)}~${hash}`;
};

const storageError = (path: string, cause: unknown): StackBackupError => {
  const errno = errnoOf(cause) ?? 'unknown error';
  const full = errno === 'ENOSPC' || errno === 'EDQUOT';
  return new StackBackupError('hook-failed', `cannot write ${path}: ${errno}`, {
    cause,
    next: full
      ? 'Free space in the backups folder; the dumps need about as much as the databases hold.'
      : 'Look at the permissions and the health of the file system that holds the backups folder.',
    details: { errno },
  });
};

/**
 * A dump on its way: `<name>.partial`, mode 0600, which gets its final name by `keep` alone. Disposing of it
 * without `keep` removes it, so a failed dump leaves nothing that looks good.
 */
export class PartialDump implements AsyncDisposable {
  /** Relative to the snapshot folder, with forward slashes: for the manifest. */
  readonly path: string;
  /** Absolute path of the file being written. */
  readonly partial: string;
  readonly #final: string;
  #kept = false;

  private constructor(path: string, final: string) {
    this.path = path;
    this.#final = final;
    this.partial = `${final}.partial`;
  }

  /** Opens `dumps/<owner>/<name>` below `folder`; `owner` and `name` must be file names already. */
  static async open(folder: string, owner: string, name: string): Promise<PartialDump> {
    const path = `dumps/${owner}/${name}`;
    const final = join(folder, path);
    try {
      await makeFolderIn(dirname(dirname(final)));
      await makeFolderIn(dirname(final));
      if (await exists(final))
        throw new StackBackupError('hook-failed', `${path} has already been written by another hook`, {
          next: 'Let only one hook dump this, or give the second one another file name with `save:`.',
        });
      await (await open(`${final}.partial`, 'wx', 0o600)).close();
      return new PartialDump(path, final);
    } catch (error) {
      if (error instanceof StackBackupError) throw error;
      throw storageError(path, error);
    }
  }

  /**
   * Lets `fill` write the file. Its signal aborts when the file can no longer be written (disk full): what
   * produces the bytes should then end instead of going on for nothing.
   */
  async write<Result>(fill: (sink: Writable, signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const file = await open(this.partial, 'r+').catch((error: unknown) => {
      throw storageError(this.path, error);
    });
    const sink = sinkOf(file);
    const broken = new AbortController();
    const written = finished(sink).catch((error: unknown) => {
      broken.abort(error);
      return storageError(this.path, error);
    });
    try {
      const result = await fill(sink, broken.signal);
      sink.end();
      const failure = await written;
      if (failure !== undefined) throw failure;
      return result;
    } catch (error) {
      const failure = broken.signal.aborted ? await written : undefined;
      throw failure ?? error;
    } finally {
      sink.destroy();
      await file.close();
    }
  }

  /** Makes it durable and gives it its final name. Returns what the manifest wants of it. */
  async keep(): Promise<{ readonly path: string; readonly bytes: number }> {
    try {
      await sync(this.partial);
      const { size } = await stat(this.partial);
      await rename(this.partial, this.#final);
      this.#kept = true;
      await sync(dirname(this.#final));
      return { path: this.path, bytes: size };
    } catch (error) {
      throw storageError(this.path, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // SQLite puts a journal beside a database it writes; it must not outlive it either.
    const beside = this.#kept ? [] : ['', '-journal', '-wal', '-shm'];
    for (const suffix of beside) await rm(`${this.partial}${suffix}`, { force: true });
  }
}

/** Writes to the file and leaves closing it to whoever opened it. */
const sinkOf = (file: FileHandle): Writable => {
  const writeAll = async (chunk: Buffer): Promise<void> => {
    for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
  };
  return new Writable({
    highWaterMark: 256 * 1024,
    write: (chunk: Buffer, _encoding, done) => {
      writeAll(chunk).then(() => done(), done);
    },
    // What came in during a write goes out as one: the engine's frames are small.
    writev: (parts, done) => {
      writeAll(Buffer.concat(parts.map(({ chunk }) => chunk as Buffer))).then(() => done(), done);
    },
  });
};

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    (error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    },
  );

/** Makes a file, or the names in a folder, durable. */
const sync = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
