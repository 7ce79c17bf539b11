import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { FileHasher, type HashRequest, hashFiles } from '../../../src/snapshot/hashing.ts';
import { below, must, oddNames } from '../../support/odd-tree.ts';
import { collect, stream, temporaryFolder } from '../../support/temporary.ts';

let folder = '';
beforeAll(async () => {
  folder = await temporaryFolder('hash');
});
afterAll(() => removeTree(folder));

const request = (path: Buffer | string, size = 0): HashRequest<string> => {
  const bytes = Buffer.from(path);
  return { item: bytes.toString('latin1'), path: bytes, size };
};

const sha256Of = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** Of a thread of this process (proc(5): the 19th field); 0 when it has ended. */
const nicenessOf = async (thread: string): Promise<number> => {
  const text = await readFile(`/proc/self/task/${thread}/stat`, 'latin1').catch(() => '');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[16] ?? 0);
};

describe('hashFiles', () => {
  it('hashes files of every size around its block, and of every name, in the order asked', async () => {
    const mebi = 1024 * 1024;
    const sizes = [0, 1, mebi - 1, mebi, mebi + 1, 5 * mebi, 2 * mebi, 17];
    const wanted: { request: HashRequest<string>; sha256: string }[] = [];
    for (const [place, name] of oddNames.entries()) {
      const content = randomBytes(sizes[place % sizes.length] as number);
      await writeFile(below(folder, name), content);
      wanted.push({ request: request(name, content.length), sha256: sha256Of(content) });
    }
    const results = await collect(hashFiles(folder, stream(wanted.map((one) => one.request))));
    expect(results).toEqual(wanted.map((one) => ({ item: one.request.item, sha256: one.sha256 })));
  });

  it('keeps the order over many jobs when a slow one comes first, and passes on what has no path', async () => {
    await mkdir(join(folder, 'many'));
    const big = randomBytes(60 * 1024 * 1024);
    await writeFile(join(folder, 'many/big'), big);
    const requests = [request('many/big', big.length)];
    for (let n = 0; n < 3000; n++) {
      if (n % 3 === 0) requests.push({ item: `none ${n}`, size: 0 });
      else {
        await writeFile(join(folder, `many/${n}`), `content ${n}`);
        requests.push(request(`many/${n}`, 12));
      }
    }
    const told: number[] = [];
    const results = await collect(
      hashFiles(folder, stream(requests.slice(0, 10), requests.slice(10)), {
        onProgress: (bytes) => told.push(bytes),
      }),
    );
    expect(results.map((result) => result.item)).toEqual(requests.map((one) => one.item));
    expect(results[0]?.sha256).toBe(sha256Of(big));
    for (const { item, sha256 } of results.slice(1)) {
      const number = /^many\/(\d+)$/.exec(item)?.[1];
      expect(sha256).toBe(number === undefined ? undefined : sha256Of(Buffer.from(`content ${number}`)));
    }
    expect(told.at(-1)).toBeGreaterThanOrEqual(big.length);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
  });

  it('reports what cannot be read and never follows a link nor waits for a fifo', async () => {
    await writeFile(join(folder, 'real'), 'x');
    await symlink('real', join(folder, 'link'));
    await must(['mkfifo', 'pipe'], folder);
    const results = await collect(
      hashFiles(
        folder,
        stream([
          request('gone'),
          request('link'),
          request('pipe'),
          request('real'),
          request('a/'.repeat(3000)),
        ]),
      ),
    );
    expect(results.map(({ sha256, failure }) => [sha256 !== undefined, failure !== undefined])).toEqual([
      [false, true],
      [false, true],
      [false, true],
      [true, false],
      [false, true],
    ]);
    expect(results[0]?.failure).toContain('ENOENT');
  });

  it('ends when it is interrupted, in the middle of a file', async () => {
    await must(['truncate', '-s', '40G', 'endless'], folder);
    const abort = new AbortController();
    const onProgress = (bytes: number): void => {
      if (bytes > 0) abort.abort();
    };
    const results = collect(
      hashFiles(folder, stream([request('endless', 4e10)]), { signal: abort.signal, onProgress }),
    );
    await expect(results).rejects.toMatchObject({ code: 'interrupted' });
  });

  it('passes on what its source throws', async () => {
    const source = async function* () {
      yield [request('real')];
      throw new Error('the source broke');
    };
    await expect(collect(hashFiles(folder, source()))).rejects.toThrow('the source broke');
  });
});

describe('a FileHasher', () => {
  it('serves several streams at a time, the one of small files first, each in its order', async () => {
    const contents = Array.from({ length: 12 }, () => randomBytes(16 * 1024 * 1024));
    for (const [n, content] of contents.entries()) await writeFile(join(folder, `large-${n}`), content);
    await writeFile(join(folder, 'small'), 'small');
    await using hasher = new FileHasher(folder, { workers: 1 });
    const done: string[] = [];
    const all = async (name: string, requests: readonly HashRequest<string>[]) => {
      const results = await collect(hasher.hash(stream([...requests])));
      done.push(name);
      return results.map(({ sha256 }) => sha256);
    };
    const [large, small] = await Promise.all([
      all(
        'large',
        contents.map((content, n) => request(`large-${n}`, content.length)),
      ),
      all('small', [request('small', 5)]),
    ]);
    expect(large).toEqual(contents.map(sha256Of));
    expect(small).toEqual([sha256Of(Buffer.from('small'))]);
    expect(done).toEqual(['small', 'large']);
  });

  it('takes a hash that is coming, and reads the file when it does not come', async () => {
    await writeFile(join(folder, 'one'), 'one');
    await writeFile(join(folder, 'other'), 'other');
    const progress: number[] = [];
    const onProgress = (bytes: number): void => void progress.push(bytes);
    await using hasher = new FileHasher(folder, { onProgress });
    const coming = async (sha256?: string): Promise<string | undefined> => sha256;
    const requests = [
      { ...request('one', 3), coming: coming('from elsewhere') },
      { ...request('other', 5), coming: coming() },
      request('one', 3),
    ];
    const results = await collect(hasher.hash(stream(requests)));
    expect(results.map(({ sha256 }) => sha256)).toEqual([
      'from elsewhere',
      sha256Of(Buffer.from('other')),
      sha256Of(Buffer.from('one')),
    ]);
    expect(progress.at(-1)).toBe(5 + 3);
  });

  it('is last in line for the processors where that is asked for, and no other is', async () => {
    const content = randomBytes(16 * 1024 * 1024); // a little one is hashed on this very thread
    await writeFile(join(folder, 'one'), content);
    const own = getPriority(0);
    for (const last of [false, true]) {
      const before = new Set(await readdir('/proc/self/task'));
      await using hasher = new FileHasher(folder, { workers: 1, last });
      await collect(hasher.hash(stream([request('one', content.length)])));
      const begun = (await readdir('/proc/self/task')).filter((thread) => !before.has(thread));
      const nicenesses = await Promise.all(begun.map(nicenessOf));
      expect([last, nicenesses.some((one) => one === Math.min(19, own + 10))]).toEqual([last, last]);
    }
  });

  it('rests when it is told to, goes on when it is told to, and can be ended while it rests', async () => {
    const content = randomBytes(4 * 1024 * 1024);
    await writeFile(join(folder, 'large'), content);
    await using hasher = new FileHasher(folder, { workers: 1, last: true });
    const hash = () => collect(hasher.hash(stream([request('large', content.length)])));
    for (let turn = 0; turn < 2; turn++) {
      hasher.rest();
      const results = hash();
      // One that does not rest has long answered when another, which is begun later, has.
      expect((await collect(hashFiles(folder, stream([request('large', content.length)])))).length).toBe(1);
      expect(await Promise.race([results, Promise.resolve('not yet')])).toBe('not yet');
      hasher.goOn();
      expect((await results).map(({ sha256 }) => sha256)).toEqual([sha256Of(content)]);
    }
    hasher.rest();
    void hash();
  });
});
