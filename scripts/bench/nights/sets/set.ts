import { randomFillSync } from 'node:crypto';
import { open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a folder holds. */
export interface Size {
  /** Names of regular files. */
  readonly files: number;
  readonly bytes: number;
}

/** Data for a stack, what changes in them from one night to the next, and what a service does with them. */
export interface DataSet {
  readonly key: 'A' | 'B' | 'C' | 'million';
  readonly title: string;
  /** Fills an empty folder. `scale` 1 is the full size. */
  readonly fill: (folder: string, scale: number, signal: AbortSignal) => Promise<Size>;
  /** Changes one per cent of the bytes, or of the files where those are small; the number of files stays. */
  readonly change: (folder: string, scale: number, night: number) => Promise<void>;
  /**
   * The service: a bash script that runs in the folder, writes until it gets TERM, and leaves the number of
   * files as it is.
   */
  readonly service: (scale: number) => string;
}

/** What a page is in the databases in widest use. */
export const pageBytes = 8192;

/** Grows with the scale, but never vanishes. */
export const scaled = (full: number, scale: number): number => Math.max(1, Math.round(full * scale));

const chunk = new Uint8Array(512 * pageBytes);

/** Pages like those of a database: half of each noise, half something that compresses. Valid until the next call. */
const pages = (count: number): Uint8Array => {
  const bytes = chunk.subarray(0, count * pageBytes);
  for (let at = 0; at < bytes.length; at += pageBytes) {
    randomFillSync(bytes, at, pageBytes / 2);
    bytes.fill(at / pageBytes, at + pageBytes / 2, at + pageBytes);
  }
  return bytes;
};

/** Writes a new file of so many pages. */
export const writePages = async (path: string, count: number, signal?: AbortSignal): Promise<void> => {
  const file = await open(path, 'wx');
  try {
    for (let left = count; left > 0; left -= 512) {
      signal?.throwIfAborted();
      await file.write(pages(Math.min(left, 512)));
    }
  } finally {
    await file.close();
  }
};

/** Writes over single pages of a file, as a database does. */
export const changePages = async (path: string, places: Iterable<number>): Promise<void> => {
  const file = await open(path, 'r+');
  try {
    for (const place of places) await file.write(pages(1), 0, pageBytes, place * pageBytes);
  } finally {
    await file.close();
  }
};

/** Puts a new file in the place of an old one, as careful programs do. */
export const replace = async (path: string, content: string): Promise<void> => {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
};

const tokenBase = 1000;
export const tokenName = 'generation';

/** A file whose size says which night's data these are: every method's result has to hold the right one. */
export const writeToken = (folder: string, night: number): Promise<void> =>
  writeFile(join(folder, tokenName), 'x'.repeat(tokenBase + night));

export const nightOfToken = (size: number): number => size - tokenBase;
