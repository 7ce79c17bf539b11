import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { takeStamp } from '../../../src/copy/changes/stamp.ts';
import { finishCopy } from '../../../src/copy/finish.ts';
import type { CopyResult } from '../../../src/copy/types.ts';
import { HashedAhead } from '../../../src/copy/warm/ahead.ts';
import { captureDelta } from '../../../src/copy/warm/delta.ts';
import type { WarmCopy } from '../../../src/copy/warm/types.ts';
import { warmTree } from '../../../src/copy/warm/warm.ts';
import { warmArchive } from '../../../src/copy/warm/warm-archive.ts';
import { ChecksumWriter } from '../../../src/snapshot/checksums.ts';
import { defaultWorkers } from '../../../src/snapshot/hash-pool.ts';
import { FileHasher, type HashRequest } from '../../../src/snapshot/hashing.ts';
import { readIndex } from '../../../src/snapshot/index-file.ts';
import { archivePath, volumePath } from '../../../src/snapshot/layout.ts';
import { volumeTask } from '../../support/made-snapshot.ts';
import { must } from '../../support/odd-tree.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** Keeps the paths that it is asked for. */
class Noting extends FileHasher {
  readonly asked: string[] = [];

  override hash<T>(requests: AsyncIterable<readonly HashRequest<T>[]>) {
    const { asked } = this;
    const noted = async function* () {
      for await (const batch of requests) {
        for (const { path, coming } of batch)
          if (path !== undefined && coming === undefined) asked.push(path.toString());
        yield batch;
      }
    };
    return super.hash(noted());
  }
}

const mebibyte = 1024 * 1024;
const options = {
  bytes: 0,
  base: undefined,
  onBaseLost: (why: string): void => {
    throw new Error(why);
  },
};

let folder: string;
let source: string;
let snapshot: string;

beforeEach(async () => {
  folder = await temporaryFolder('ahead');
  source = join(folder, 'source');
  snapshot = join(folder, 'snapshot');
  await mkdir(source);
  await mkdir(snapshot);
  for (const name of ['as-it-was', 'written', 'replaced', 'moved', 'gone'])
    await writeFile(join(source, name), Buffer.alloc(mebibyte, name));
  await writeFile(join(source, 'small'), 'small');
  // What has changed just before a copy is copied again, whatever it looks like.
  const { ctimeNs } = await stat(join(source, 'small'), { bigint: true });
  while ((await takeStamp(folder)).since <= ctimeNs);
});

afterEach(() => removeTree(folder));

const finished = async (warm: WarmCopy, ahead: HashedAhead) => {
  const copied = await captureDelta(warm, snapshot, { quiet: true });
  await using sums = await ChecksumWriter.create(join(snapshot, 'SHA256SUMS'));
  await using hasher = new Noting(snapshot);
  ahead.end();
  const result = await finishCopy(copied, { snapshot, sums, hasher, ahead });
  await sums.finish();
  return { result, asked: hasher.asked.sort() };
};

/** Each of them as programs do it, and as those do it that hide it: same size, same time of change. */
const edit = async (): Promise<void> => {
  const { atime, mtime } = await stat(join(source, 'written'));
  const file = join(source, 'written');
  await writeFile(file, Buffer.alloc(mebibyte, 'others'), { flag: 'r+' });
  await utimes(file, atime, mtime);
  await writeFile(join(folder, 'new'), Buffer.alloc(mebibyte, 'another'));
  await utimes(join(folder, 'new'), atime, mtime);
  await rename(join(folder, 'new'), join(source, 'replaced'));
  await rename(join(source, 'moved'), join(source, 'moved-here'));
  await rm(join(source, 'gone'));
};

const hashesIn = async ({ index }: CopyResult): Promise<Record<string, string>> => {
  const hashes: Record<string, string> = {};
  for await (const batch of readIndex(join(snapshot, index)))
    for (const { path, sha256 } of batch) if (sha256 !== undefined) hashes[path.toString()] = sha256;
  return hashes;
};

const hashesOf = async (root: string): Promise<Record<string, string>> => {
  const lines = (await must(['find', '.', '-type', 'f', '-exec', 'sha256sum', '{}', '+'], root)).toString();
  return Object.fromEntries(
    lines
      .trim()
      .split('\n')
      .map((line) => [line.slice(68), line.slice(0, 64)]),
  );
};

describe('what is hashed before the services stop', () => {
  it('counts for the files of a copy that stay as they are, and for no other', async () => {
    const warm = await warmTree(volumeTask('v', source), snapshot, options);
    await using ahead = new HashedAhead(snapshot);
    await ahead.add(warm, 0);
    await ahead.settled();
    await edit();
    const { result, asked } = await finished(warm, ahead);
    expect(await hashesIn(result)).toEqual(await hashesOf(source));
    expect(await hashesOf(join(snapshot, result.task.path))).toEqual(await hashesOf(source));
    await must(['sha256sum', '--quiet', '-c', 'SHA256SUMS'], snapshot);
    const copy = (name: string): string => `${result.task.path}/${name}`;
    expect(asked).toEqual(['moved-here', 'replaced', 'small', 'written'].map(copy));
  });

  it('is done later when it was not begun, not finished, or did not succeed', async () => {
    const warm = await warmTree(volumeTask('v', source), snapshot, options);
    const abort = new AbortController();
    await using ahead = new HashedAhead(snapshot, { signal: abort.signal });
    ahead.hasher.rest();
    await ahead.add(warm, 0);
    abort.abort();
    const { result } = await finished(warm, ahead);
    expect(await hashesIn(result)).toEqual(await hashesOf(source));
  });

  it('does not count for a file of the copy that was written to since, whatever else it looks like', async () => {
    const warm = await warmTree(volumeTask('v', source), snapshot, options);
    await using ahead = new HashedAhead(snapshot);
    await ahead.add(warm, 0);
    await ahead.settled();
    const file = join(snapshot, warm.task.path, 'as-it-was');
    const { ino } = await stat(file);
    await writeFile(file, Buffer.alloc(mebibyte, 'others'), { flag: 'r+' });
    await must(['touch', '-r', join(source, 'as-it-was'), file]);
    expect((await stat(file)).ino).toBe(ino);
    const { asked } = await finished(warm, ahead);
    expect(asked).toContain(`${warm.task.path}/as-it-was`);
    await must(['sha256sum', '--quiet', '-c', 'SHA256SUMS'], snapshot);
  });

  it('is no more than was begun when the services stop', async () => {
    const warm = await warmTree(volumeTask('v', source), snapshot, options);
    await using ahead = new HashedAhead(snapshot);
    ahead.hasher.rest();
    await ahead.add(warm, 0);
    ahead.end();
    ahead.hasher.goOn();
    await ahead.settled();
    const { asked } = await finished(warm, ahead);
    expect(asked).toHaveLength(6 - Math.min(5, defaultWorkers()));
  });

  it('is left alone where the copy would have to be read from the disk again', async () => {
    const warm = await warmTree(volumeTask('v', source), snapshot, options);
    await using ahead = new HashedAhead(snapshot);
    await ahead.add(warm, process.availableMemory());
    await ahead.settled();
    const { asked } = await finished(warm, ahead);
    expect(asked).toHaveLength(6);
    expect(await readFile(join(snapshot, 'SHA256SUMS'), 'utf8')).toContain('as-it-was');
  });
});

describe('an archive', () => {
  it('has nothing hashed ahead: it holds what was there when the services had stopped', async () => {
    const task = { ...volumeTask('v', source), path: archivePath(volumePath('v')) };
    const warm = await warmArchive(task, snapshot, options);
    await using ahead = new HashedAhead(snapshot);
    await ahead.add(warm, 0);
    await ahead.settled();
    await edit();
    const { result } = await finished(warm, ahead);
    expect(await hashesIn(result)).toEqual(await hashesOf(source));
    const into = join(folder, 'unpacked');
    await mkdir(into);
    await must(
      ['tar', '--zstd', '-x', '-f', join(snapshot, result.parts?.[0]?.path ?? ''), '-C', into],
      snapshot,
    );
    expect(await hashesOf(into)).toEqual(await hashesOf(source));
  });
});
