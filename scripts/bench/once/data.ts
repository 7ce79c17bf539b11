import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a folder holds. */
export interface Size {
  readonly files: number;
  readonly bytes: number;
}

const bigBytes = 1_800_000_000;
const bigFiles = 7;
const smallFiles = 50_000;
const smallMost = 8_000;
const foldersPerLevel = 8;
const levels = 4;

/** Much more than a compressor looks back, so that slices of it are as incompressible as fresh noise. */
const poolBytes = 32 * 1024 * 1024;
const slice = 4 * 1024 * 1024;

const writeBig = async (path: string, bytes: number, pool: Buffer): Promise<void> => {
  const file = await open(path, 'wx');
  try {
    for (let left = bytes; left > 0; left -= slice) {
      const from = randomInt(pool.length - slice);
      await file.write(pool.subarray(from, from + Math.min(slice, left)));
    }
  } finally {
    await file.close();
  }
};

/** A few big files of noise, as media or the files of a database are: nothing in them compresses. */
export const fillBig = async (folder: string, scale: number): Promise<Size> => {
  const pool = randomBytes(poolBytes);
  const bytes = Math.round((bigBytes * scale) / bigFiles);
  for (let at = 0; at < bigFiles; at++) await writeBig(join(folder, `segment-${at}.dat`), bytes, pool);
  return { files: bigFiles, bytes: bytes * bigFiles };
};

/** `3/0/7/1/entry-…`: neighbours in number lie in different folders, as uploads do. */
const folderOf = (at: number): string =>
  Array.from(
    { length: levels },
    (_, level) => Math.floor(at / foldersPerLevel ** level) % foldersPerLevel,
  ).join('/');

/** Many small files, of 0 to 8 kB, in a deep tree; text that compresses a little (base64 of noise). */
export const fillSmall = async (folder: string, scale: number): Promise<Size> => {
  const pool = randomBytes(1024 * 1024).toString('base64');
  const files = Math.round(smallFiles * scale);
  const made = new Set<string>();
  let bytes = 0;
  for (let at = 0; at < files; at++) {
    const parent = join(folder, folderOf(at));
    if (!made.has(parent)) await mkdir(parent, { recursive: true });
    made.add(parent);
    const length = randomInt(smallMost + 1);
    const from = randomInt(pool.length - length);
    await writeFile(join(parent, `entry-${at}.txt`), pool.slice(from, from + length));
    bytes += length;
  }
  return { files, bytes };
};
