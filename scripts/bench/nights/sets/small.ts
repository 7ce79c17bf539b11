import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DataSet, replace, scaled, writeToken } from './set.ts';

const foldersPerLevel = 8;
const levels = 4;

/** `3/0/7/1/entry-…`: neighbours in number lie in different folders, as uploads do. */
const pathOf = (at: number): string =>
  [
    ...Array.from(
      { length: levels },
      (_, level) => Math.floor(at / foldersPerLevel ** level) % foldersPerLevel,
    ),
    `entry-${at}`,
  ].join('/');

/** Text that compresses a little: base64 of noise. */
const pool = randomBytes(2 * 1024 * 1024).toString('base64');
const textOf = (length: number): string => {
  const from = randomInt(pool.length - length);
  return pool.slice(from, from + length);
};

/** The service writes files of these numbers, the change of a night all others: no name is fought over. */
const serviceStep = 7;

interface Shape {
  readonly key: DataSet['key'];
  readonly title: string;
  readonly files: number;
  readonly mostBytes: number;
}

/** So many small files in a deep tree of 4,680 folders. */
const smallFiles = ({ key, title, files, mostBytes }: Shape): DataSet => ({
  key,
  title,
  fill: async (folder, scale, signal) => {
    const count = scaled(files, scale);
    const made = new Set<string>();
    let bytes = 0;
    for (let at = 0; at < count; at++) {
      signal.throwIfAborted();
      const path = join(folder, pathOf(at));
      if (!made.has(dirname(path))) await mkdir(dirname(path), { recursive: true });
      made.add(dirname(path));
      const length = randomInt(mostBytes + 1);
      await writeFile(path, textOf(length));
      bytes += length;
    }
    await writeToken(folder, 0);
    return { files: count + 1, bytes };
  },
  change: async (folder, scale, night) => {
    const count = scaled(files, scale);
    for (let left = Math.round(count / 100); left > 0; left--) {
      const at = randomInt(count);
      const path = join(folder, pathOf(at - (at % serviceStep === 0 ? 1 : 0)));
      if (at < serviceStep) continue;
      const text = textOf(randomInt(mostBytes + 1));
      if (left % 8 === 0) await replace(path, text);
      else if (left % 8 === 1) {
        await rename(path, `${path}.moved`);
        await rename(`${path}.moved`, path); // as it was, but for its change time
      } else await writeFile(path, text);
    }
    await writeToken(folder, night);
  },
  service: (scale) =>
    `over=; trap 'over=1' TERM
     until [ "$over" ]; do
       n=$(( (RANDOM * 32768 + RANDOM) % ${scaled(files, scale)} / ${serviceStep} * ${serviceStep} ))
       path=$((n % 8))/$((n / 8 % 8))/$((n / 64 % 8))/$((n / 512 % 8))/entry-$n
       head -c $((RANDOM % ${mostBytes})) /dev/urandom > new; mv new "$path"
       sleep 0.05
     done`,
});

export const small = smallFiles({
  key: 'B',
  title: '200,000 files of 0 to 8 kB',
  files: 200_000,
  mostBytes: 8000,
});

/** For the memory alone: ours is the only method that runs on it. */
export const million = smallFiles({
  key: 'million',
  title: 'a million files of 0 to 200 bytes',
  files: 1_000_000,
  mostBytes: 200,
});
