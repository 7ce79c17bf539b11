import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { run } from '../../../src/base/process.ts';
import {
  type Checksum,
  ChecksumWriter,
  formatChecksum,
  parseChecksum,
  readChecksums,
} from '../../../src/snapshot/checksums.ts';
import { below, must, oddNames } from '../../support/odd-tree.ts';
import { collect, temporaryFolder } from '../../support/temporary.ts';

let folder = '';
beforeEach(async () => {
  folder = await temporaryFolder('sums');
});
afterEach(() => removeTree(folder));

const sha256Of = (content: string): string => createHash('sha256').update(content).digest('hex');

const writeOddFiles = async (): Promise<Checksum[]> => {
  await mkdir(join(folder, 'v'));
  const sums: Checksum[] = [];
  for (const [place, name] of oddNames.entries()) {
    const path = Buffer.concat([Buffer.from('v/'), name]);
    await writeFile(below(folder, path), `content ${place}`);
    sums.push({ path, sha256: sha256Of(`content ${place}`) });
  }
  return sums;
};

const pathBytes = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(10, 13, 0x5c, 0x6e, 0x72, 0x20, 0x2a) },
      fc.integer({ min: 1, max: 255 }),
    ),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  .map((bytes) => Buffer.from(bytes));
const checksum = fc.record({
  path: pathBytes,
  sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex')),
});

describe('a line of SHA256SUMS', () => {
  it('says after parsing what it said before writing, for any name', () => {
    fc.assert(
      fc.property(checksum, (sum) => {
        const line = formatChecksum(sum);
        expect(line.at(-1)).toBe(10);
        expect(line.subarray(0, -1).includes(10)).toBe(false);
        expect(parseChecksum(line.subarray(0, -1))).toEqual(sum);
      }),
    );
  });

  it('is byte for byte what sha256sum writes', async () => {
    const sums = await writeOddFiles();
    // A glob of a shell passes names on as bytes; an argument list from here would be text.
    await must(['sh', '-c', 'sha256sum v/* > theirs'], folder);
    const lines = (bytes: Buffer): string[] => bytes.toString('latin1').split('\n').toSorted();
    const ours = Buffer.concat(sums.map(formatChecksum));
    expect(lines(ours)).toEqual(lines(await readFile(join(folder, 'theirs'))));
  });

  it('is read in binary mode too, and nothing else is taken for one', () => {
    const hash = 'a'.repeat(64);
    expect(parseChecksum(Buffer.from(`${hash} *x`))).toEqual({ path: Buffer.from('x'), sha256: hash });
    for (const bad of [
      '',
      'x',
      hash,
      `${hash}  `,
      `${hash} x`,
      `${hash.toUpperCase()}  x`,
      `${'a'.repeat(63)}  x`,
    ])
      expect(parseChecksum(Buffer.from(bad))).toBeUndefined();
    for (const bad of [`\\${hash}  a\\`, `\\${hash}  a\\t`])
      expect(parseChecksum(Buffer.from(bad))).toBeUndefined();
  });
});

describe('the file', () => {
  it('is accepted by sha256sum, whole and strictly, and its own checksum is right', async () => {
    const sums = await writeOddFiles();
    const file = join(folder, 'SHA256SUMS');
    await using writer = await ChecksumWriter.create(file);
    for (const sum of sums) await writer.add([sum]);
    const own = await writer.finish();
    expect((await must(['sha256sum', 'SHA256SUMS'], folder)).toString()).toBe(`${own}  SHA256SUMS\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const checked = await run(['sha256sum', '--check', '--strict', 'SHA256SUMS'], { cwd: folder });
    expect(checked).toMatchObject({ exitCode: 0, stderr: '' });
    await writeFile(below(folder, sums[4]?.path ?? ''), 'changed');
    expect((await run(['sha256sum', '--check', '--status', 'SHA256SUMS'], { cwd: folder })).exitCode).toBe(1);
  });

  it('reads back across chunks, from several writers in turns, with bad lines told by number', async () => {
    const file = join(folder, 'SHA256SUMS');
    await using writer = await ChecksumWriter.create(file);
    const batches = Array.from({ length: 200 }, (_, batch) =>
      Array.from({ length: 50 }, (_, n) => ({
        path: Buffer.from(`v/${batch}/${n}\n`),
        sha256: sha256Of(`${n}`),
      })),
    );
    await Promise.all(batches.map((batch) => writer.add(batch)));
    await writer.finish();
    const read = await collect(readChecksums(file));
    expect(read.map((line) => ('path' in line ? line.path.toString() : '')).toSorted()).toEqual(
      batches
        .flat()
        .map(({ path }) => path.toString())
        .toSorted(),
    );
    await writeFile(file, `${sha256Of('')}  a\nnonsense\n${sha256Of('')}  b`);
    expect(await collect(readChecksums(file))).toEqual([
      { path: Buffer.from('a'), sha256: sha256Of('') },
      { line: 2 },
      { path: Buffer.from('b'), sha256: sha256Of('') },
    ]);
  });

  it('does not hide that the disk is full', async () => {
    await using writer = await ChecksumWriter.create(join(folder, 'x'));
    await must(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
    try {
      await using full = await ChecksumWriter.create(join(folder, 'SHA256SUMS'));
      const line = { path: Buffer.alloc(200, 'x'), sha256: sha256Of('') };
      await full.add(Array.from({ length: 500 }, () => line));
      await expect(full.finish()).rejects.toMatchObject({ code: 'backups-unusable' });
    } finally {
      await must(['umount', folder]);
    }
    await writer.finish();
  });
});
