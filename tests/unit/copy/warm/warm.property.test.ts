import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { run } from '../../../../src/base/process.ts';
import type { CopyResult } from '../../../../src/copy/types.ts';
import { gonePath } from '../../../../src/snapshot/layout.ts';
import { everything, links, nightAfterNight } from '../../../support/nights.ts';
import { must } from '../../../support/odd-tree.ts';

/** Unpacks the files of an archive by hand: one after the other, and each time removes what is gone. */
const unpackedParts = async (snapshot: string, { task, parts = [] }: CopyResult): Promise<string> => {
  const into = join(snapshot, 'unpacked');
  await mkdir(into);
  const plainOf = async (path: string): Promise<Buffer> =>
    zstdDecompressSync(await readFile(join(snapshot, path)));
  const gone = parts.length > 1 ? await plainOf(gonePath(task.path)) : Buffer.alloc(0);
  const tar = ['tar', '-x', '-f', '-', '-p', '--xattrs', '--xattrs-include=*', '--acls'];
  for (const { path } of parts) {
    const unpack = [...tar, '--delay-directory-restore', '--warning=no-timestamp'];
    const { exitCode, stderr } = await run(unpack, { cwd: into, input: await plainOf(path) });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    await run(['xargs', '-0', '-r', 'rm', '-rf', '--'], { cwd: into, input: gone });
  }
  return into;
};

describe('a warm copy and what changed since', () => {
  it('equal a cold copy, night after night, and harm no earlier one', async () => {
    const kept = new Map<string, unknown>();
    await nightAfterNight('tree', async (source, snapshot, { task, files }) => {
      const copy = join(snapshot, task.path);
      expect(await everything(copy)).toEqual(await everything(source));
      expect(await links(copy)).toEqual(await links(source));
      expect(await readdir(dirname(copy))).toEqual(['v']);
      if (files > 0) await must(['sha256sum', '--quiet', '-c', 'SHA256SUMS'], snapshot);
      const folder = dirname(snapshot);
      for (const [earlier, was] of kept)
        if (earlier.startsWith(folder)) expect(await everything(earlier)).toEqual(was);
      kept.set(copy, await everything(copy));
    });
  }, 90_000);

  it('equal a cold copy as an archive, too, unpacked by hand', async () => {
    await nightAfterNight('archive', async (source, snapshot, result) => {
      const copy = await unpackedParts(snapshot, result);
      expect(await everything(copy, false)).toEqual(await everything(source, false));
      expect(await links(copy)).toEqual(await links(source));
      expect(await readdir(join(snapshot, '.work'))).toEqual([]);
    });
  }, 90_000);
});
