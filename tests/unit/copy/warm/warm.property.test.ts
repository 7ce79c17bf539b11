import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { removeTree } from '../../../../src/base/disk.ts';
import { run } from '../../../../src/base/process.ts';
import { finishCopy } from '../../../../src/copy/finish.ts';
import type { CopyResult } from '../../../../src/copy/types.ts';
import { captureDelta } from '../../../../src/copy/warm/delta.ts';
import type { Base } from '../../../../src/copy/warm/types.ts';
import { warmTree } from '../../../../src/copy/warm/warm.ts';
import { warmArchive } from '../../../../src/copy/warm/warm-archive.ts';
import { ChecksumWriter } from '../../../../src/snapshot/checksums.ts';
import { FileHasher } from '../../../../src/snapshot/hashing.ts';
import { archivePath, gonePath, volumePath } from '../../../../src/snapshot/layout.ts';
import { attributes, contents } from '../../../support/compare.ts';
import { applyEdits, type Edit, edits } from '../../../support/edits.ts';
import { volumeTask } from '../../../support/made-snapshot.ts';
import { must } from '../../../support/odd-tree.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const list = async (root: string, ...what: readonly string[]): Promise<readonly string[]> => {
  const bytes = await must(['find', '.', ...what], root);
  return bytes.toString('latin1').split('\0').sort();
};

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

/** Everything of a tree that a copy has to have, but for the links. */
const everything = async (root: string, folderTimes = true) => ({
  entries: await list(
    root,
    '-type',
    'd',
    '-printf',
    folderTimes ? '%y %m %U %G %T@ %p\\0' : '%y %m %U %G %p\\0',
    '-o',
    '-printf',
    '%y %m %U %G %s %T@ %p %l\\0',
  ),
  contents: await contents(root),
  attributes: await attributes(root),
});

/** Names that share an inode, as groups. A snapshot shares inodes with others: those do not show here. */
const links = async (root: string): Promise<readonly string[]> => {
  const groups = new Map<string, string[]>();
  for (const line of await list(root, '-type', 'f', '-printf', '%i %p\\0')) {
    const [inode = '', path = ''] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)];
    if (path !== '') groups.set(inode, [...(groups.get(inode) ?? []), path]);
  }
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => group.sort().join('\0'))
    .sort();
};

interface Night {
  /** Made before the snapshot, while it is being copied, and between the copy and the stop. */
  readonly before: readonly Edit[];
  readonly during: readonly Edit[];
  readonly between: readonly Edit[];
}

const night = fc.record({ before: edits(25), during: edits(12), between: edits(8) });

/** Unpacking one file over another adds attributes to a folder, and takes none away (docs/how-it-works.md). */
const withoutLoss = (changes: readonly Edit[]): readonly Edit[] =>
  changes.filter(({ kind }) => kind !== 'attributeOff');

const forForm = ({ before, during, between }: Night, form: 'tree' | 'archive'): Night =>
  form === 'tree'
    ? { before, during, between }
    : { before: withoutLoss(before), during: withoutLoss(during), between: withoutLoss(between) };

const snapshotOf = async (
  source: string,
  snapshot: string,
  base: Base | undefined,
  form: 'tree' | 'archive',
  { before, during, between }: Night,
): Promise<CopyResult> => {
  await applyEdits(source, before);
  await mkdir(snapshot);
  const editing = applyEdits(source, during);
  const onBaseLost = (why: string): void => expect.fail(why);
  const options = { bytes: 0, base, onBaseLost };
  const warm =
    form === 'tree'
      ? await warmTree(volumeTask('v', source), snapshot, options)
      : await warmArchive(
          { ...volumeTask('v', source), path: archivePath(volumePath('v')) },
          snapshot,
          options,
        );
  await editing;
  await applyEdits(source, between);
  const copied = await captureDelta(warm, snapshot, { quiet: true });
  await using sums = await ChecksumWriter.create(join(snapshot, 'SHA256SUMS'));
  await using hasher = new FileHasher(snapshot);
  const result = await finishCopy(copied, { snapshot, sums, hasher });
  await sums.finish();
  return result;
};

const baseOf = (snapshot: string, { task, index, settled, parts = [] }: CopyResult): Base => ({
  folder: snapshot,
  path: task.path,
  parts,
  index: join(snapshot, index),
  settled: settled ?? 0n,
});

/** A night after the other, each snapshot on the base of the one before; `check` looks at each result. */
const nightAfterNight = async (
  form: 'tree' | 'archive',
  check: (source: string, snapshot: string, result: CopyResult) => Promise<void>,
): Promise<void> => {
  await fc.assert(
    fc.asyncProperty(fc.array(night, { minLength: 2, maxLength: 3 }), async (nights) => {
      const folder = await temporaryFolder('warm');
      try {
        const source = join(folder, 'source');
        await mkdir(source);
        let base: Base | undefined;
        for (const [number, changes] of nights.entries()) {
          const snapshot = join(folder, `snapshot-${number}`);
          const result = await snapshotOf(source, snapshot, base, form, forForm(changes, form));
          await check(source, snapshot, result);
          base = baseOf(snapshot, result);
        }
      } finally {
        await removeTree(folder);
      }
    }),
    { numRuns: 25, interruptAfterTimeLimit: 8_000, endOnFailure: true },
  );
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
