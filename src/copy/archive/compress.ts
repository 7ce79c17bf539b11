import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { constants, createZstdCompress } from 'node:zlib';

const chunkBytes = 256 * 1024;

/** A file that takes bytes and keeps them compressed. */
export interface CompressedFile extends AsyncDisposable {
  /** The chunk is needed until it resolves, and not after. */
  write(chunk: Buffer): Promise<void>;
  /** What has become of all that was written: its own checksum and size. */
  finish(): Promise<{ readonly sha256: string; readonly bytes: number }>;
}

/** Makes a `.zst` file (checksum inside), which must not exist. Compressing is done beside the caller's own work. */
export const compressInto = async (path: string): Promise<CompressedFile> => {
  const file: FileHandle = await open(path, 'wx', 0o600);
  const zstd = createZstdCompress({
    chunkSize: chunkBytes,
    params: { [constants.ZSTD_c_checksumFlag]: 1 },
  });
  const sum = createHash('sha256');
  let bytes = 0;
  const keep = async (): Promise<void> => {
    for await (const chunk of zstd as AsyncIterable<Buffer>) {
      sum.update(chunk);
      bytes += chunk.length;
      await file.writeFile(chunk);
    }
  };
  // A disk that is full ends the compressing, too; the disk's own word is the one that is told.
  const kept = keep();
  kept.catch(() => zstd.destroy());
  const given = (give: (done: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      give((error) => {
        if (!error) resolve();
        else kept.then(() => reject(error), reject);
      });
    });
  return {
    write: (chunk) => given((done) => zstd.write(chunk, done)),
    finish: async () => {
      zstd.end();
      await kept;
      return { sha256: sum.digest('hex'), bytes };
    },
    [Symbol.asyncDispose]: async () => {
      zstd.destroy();
      await kept.catch(() => undefined);
      await file.close();
    },
  };
};
