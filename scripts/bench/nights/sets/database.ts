import { randomInt } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { changePages, type DataSet, pageBytes, scaled, writePages, writeToken } from './set.ts';

const megabyte = 1024 * 1024;
const pagesIn = (bytes: number): number => Math.max(1, Math.round(bytes / pageBytes));

const largeFiles = 4;
const largeBytes = 512 * megabyte;
const tables = 988;
const hotTables = 8;
const tableBytes = megabyte;
const logBytes = 16 * megabyte;

const large = (number: number): string => `base/large-${number}`;
const table = (number: number): string => `base/table-${number}`;

/** Half of the one per cent lies all over one large file, half in small tables that are written anew. */
const half = 0.005;
const bytesOf = (scale: number): number =>
  pageBytes * (largeFiles * pagesIn(largeBytes * scale) + pagesIn(logBytes * scale)) +
  (scaled(tables, scale) + hotTables) * tableBytes;

/**
 * 3 GB as a database keeps them: four large files, a thousand of a megabyte, a log of 16 MB that is written
 * over in a ring, and eight tables in which single pages change all the time.
 */
export const database: DataSet = {
  key: 'A',
  title: 'database: 3 GB in 1,000 files, four of 512 MB',
  fill: async (folder, scale, signal) => {
    await mkdir(join(folder, 'base'));
    for (let at = 0; at < largeFiles; at++)
      await writePages(join(folder, large(at)), pagesIn(largeBytes * scale), signal);
    const small = scaled(tables, scale);
    for (let at = 0; at < small; at++) await writePages(join(folder, table(at)), pagesIn(tableBytes), signal);
    for (let at = 0; at < hotTables; at++)
      await writePages(join(folder, `base/hot-${at}`), pagesIn(tableBytes), signal);
    await writePages(join(folder, 'log'), pagesIn(logBytes * scale), signal);
    await writeToken(folder, 0);
    return { files: largeFiles + small + hotTables + 2, bytes: bytesOf(scale) };
  },
  change: async (folder, scale, night) => {
    const count = pagesIn(largeBytes * scale);
    const places = Array.from({ length: pagesIn(bytesOf(scale) * half) }, () => randomInt(count));
    await changePages(join(folder, large(night % largeFiles)), places);
    const small = scaled(tables, scale);
    const rewritten = Math.max(1, Math.round((bytesOf(scale) * half) / tableBytes));
    for (let at = 0; at < rewritten; at++) {
      const path = join(folder, table((night * rewritten + at) % small));
      if (at % 4 === 0) await rm(path); // a new file under the old name; the others are written over
      if (at % 4 === 0) await writePages(path, pagesIn(tableBytes));
      else await changePages(path, Array(pagesIn(tableBytes)).keys());
    }
    await writeToken(folder, night);
  },
  service: (scale) =>
    `page() { dd if=/dev/urandom of="$1" bs=${pageBytes} count=1 seek="$2" conv=notrunc status=none; }
     over= n=0; trap 'over=1' TERM
     until [ "$over" ]; do
       page log $((n % ${pagesIn(logBytes * scale)}))
       page base/hot-$((RANDOM % ${hotTables})) $((RANDOM % ${pagesIn(tableBytes)}))
       n=$((n + 1)); sleep 0.05
     done`,
};
