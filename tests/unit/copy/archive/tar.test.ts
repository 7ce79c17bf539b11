import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../../src/base/disk.ts';
import { listArchive } from '../../../../src/copy/archive/archive.ts';
import { TarReader } from '../../../../src/copy/archive/tar.ts';
import { walk } from '../../../../src/copy/walk.ts';
import { comparePaths, type RecordEntry } from '../../../../src/snapshot/entries/records.ts';
import { makeOddTree, must } from '../../../support/odd-tree.ts';
import { collect, temporaryFolder } from '../../../support/temporary.ts';

let folder = '';
beforeAll(async () => {
  folder = await temporaryFolder('tar');
  await makeOddTree(join(folder, 'top'));
  await mkdir(join(folder, 'top', 'l'.repeat(200), 'm'.repeat(200)), { recursive: true });
  await writeFile(join(folder, 'top', 'l'.repeat(200), 'm'.repeat(200), 'n'.repeat(200)), 'deep');
});
afterAll(() => removeTree(folder));

const pack = async (format: string): Promise<string> => {
  const file = join(folder, `${format}.tar`);
  await must(
    [
      'tar',
      '--sort=none',
      `--format=${format}`,
      '--exclude=socket*',
      '--hard-dereference',
      '-cf',
      file,
      'top',
    ],
    folder,
  );
  return file;
};

const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const read = (bytes: Buffer, step = bytes.length): RecordEntry[] => {
  const entries: RecordEntry[] = [];
  const reader = new TarReader({ entry: (entry) => entries.push(entry) });
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  reader.end();
  return entries;
};

describe('listArchive', () => {
  for (const format of ['pax', 'gnu'] as const) {
    it(`tells of a ${format} archive what a walk tells of the tree`, async () => {
      const listed = (await collect(listArchive(await pack(format)))).toSorted((a, b) =>
        comparePaths(a.path, b.path),
      );
      const walked = (await collect(walk(join(folder, 'top'))))
        .filter((entry) => entry.type !== 'socket')
        .toSorted((a, b) => comparePaths(a.path, b.path));
      const second = 1_000_000_000n;
      const time = (ns: bigint): bigint =>
        format === 'pax' ? ns : (ns - (((ns % second) + second) % second)) / second;
      const seen = (entry: RecordEntry) => ({
        path: entry.path.toString('latin1'),
        type: entry.type,
        mode: entry.mode,
        owner: [entry.uid, entry.gid],
        size: entry.type === 'file' ? entry.size : 0,
        time: time(entry.mtimeNs),
        target: entry.target?.toString('latin1'),
      });
      expect(listed.map(seen)).toEqual(walked.map(seen));
    });
  }

  it('hashes each file, compressed or not', async () => {
    const file = await pack('pax');
    await must(['zstd', '-q', '-k', '-f', file]);
    const plain = await collect(listArchive(file));
    expect(await collect(listArchive(`${file}.zst`))).toEqual(plain);
    const hashOf = (name: string) => plain.find((entry) => entry.path.equals(Buffer.from(name)))?.sha256;
    expect(hashOf('deep/er/est/file')).toBe(sha256Of(Buffer.alloc(3_000_000, 7)));
    expect(hashOf('empty')).toBe(sha256Of(Buffer.alloc(0)));
    expect(hashOf('deep')).toBeUndefined();
  });

  it('tells hard links as names of the first one', async () => {
    const file = join(folder, 'links.tar');
    await mkdir(join(folder, 'links'));
    await writeFile(join(folder, 'links/a'), 'x');
    await must(['ln', 'links/a', 'links/b'], folder);
    await must(['tar', '--sort=name', '-cf', file, 'links'], folder);
    const [, a, b] = await collect(listArchive(file));
    expect(a).toMatchObject({ path: Buffer.from('a'), size: 1, sha256: sha256Of(Buffer.from('x')) });
    expect(b).toMatchObject({ path: Buffer.from('b'), type: 'file', size: 0, target: Buffer.from('a') });
    expect(b?.sha256).toBeUndefined();
  });
});

describe('TarReader', () => {
  it('reads the same however the stream is cut', async () => {
    const command = [
      'tar',
      '--format=pax',
      '--exclude=sparse',
      '--exclude=deep',
      '--exclude=hard-link',
      '-cf',
      'cut.tar',
    ];
    await must([...command, '--exclude=socket*', 'top'], folder);
    const bytes = await readFile(join(folder, 'cut.tar'));
    const expected: unknown[] = [];
    new TarReader({ entry: (entry) => expected.push(entry) }).push(bytes);
    expect(expected.length).toBeGreaterThan(10);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (step) => {
        const entries: unknown[] = [];
        const reader = new TarReader({ entry: (entry) => entries.push(entry) });
        for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
        expect(entries).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  it('notices every cut before the end mark', async () => {
    await mkdir(join(folder, 'two'), { recursive: true });
    await writeFile(join(folder, 'two/a'), 'x'.repeat(700));
    await must(['tar', '-b1', '-cf', 'two.tar', 'two'], folder);
    const bytes = await readFile(join(folder, 'two.tar'));
    expect(read(bytes)).toHaveLength(2);
    for (let length = 0; length < bytes.length; length += 128)
      expect(() => read(bytes.subarray(0, length)), `${length}`).toThrow('ends early');
  });

  it('refuses damage, foreign members and endless names instead of guessing', async () => {
    const bytes = await readFile(await pack('pax'));
    const flipped = Buffer.from(bytes);
    flipped[3] = (flipped[3] ?? 0) ^ 1;
    expect(() => read(flipped)).toThrow('checksum');
    expect(() => read(Buffer.from('hello '.repeat(200)))).toThrow('damaged');
    await must(['truncate', '-s', '1M', 'hole'], folder);
    await must(['tar', '--sparse', '--format=pax', '-cf', 'sparse.tar', 'hole'], folder);
    const sparse = await readFile(join(folder, 'sparse.tar'));
    expect(() => read(sparse)).toThrow('not understood');
    await must(['tar', '--sparse', '--format=gnu', '-cf', 'sparse-gnu.tar', 'hole'], folder);
    const old = await readFile(join(folder, 'sparse-gnu.tar'));
    expect(() => read(old)).toThrow('not understood');
  });

  it('goes no further than its limit, neither in members nor in their content', async () => {
    await mkdir(join(folder, 'three'), { recursive: true });
    for (const name of ['a', 'b']) await writeFile(join(folder, 'three', name), 'x'.repeat(700));
    await must(['tar', '--sort=name', '-cf', 'three.tar', 'three'], folder);
    const bytes = await readFile(join(folder, 'three.tar'));
    const readTo = (members: number, content: number): number => {
      let seen = 0;
      const reader = new TarReader({ entry: () => seen++ }, { members, bytes: content });
      reader.push(bytes);
      reader.end();
      return seen;
    };
    expect(readTo(3, 1400)).toBe(3);
    for (const [members, content] of [
      [2, 1400],
      [3, 1399],
    ] as const)
      expect(() => readTo(members, content)).toThrow('more than its index says');
  });

  it('neither gathers metadata without end, nor reads on behind the end of an archive', async () => {
    await mkdir(join(folder, 'meta'), { recursive: true });
    await must(['tar', '--format=pax', '--pax-option=comment:=x', '-cf', 'meta.tar', 'meta'], folder);
    const bytes = await readFile(join(folder, 'meta.tar'));
    const header = bytes.subarray(0, 1024); // a PAX header and its one block of records
    expect(String.fromCharCode(header[156] ?? 0)).toBe('x');
    expect(() => read(Buffer.concat(Array.from({ length: 2000 }, () => header)))).toThrow('far too long');
    expect(read(Buffer.concat([bytes, Buffer.alloc(512 * 1024)]))).toHaveLength(1);
    expect(() => read(Buffer.concat([bytes, Buffer.alloc(1024 * 1024 + 1)]))).toThrow('follows its end');
  });

  it('never throws anything but its own error, whatever it is fed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
        try {
          read(Buffer.from(bytes));
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'copy-failed' });
        }
      }),
    );
  });
});
