import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { removeTree } from '../../../../src/base/disk.ts';
import { finishCopy } from '../../../../src/copy/finish.ts';
import type { CopyResult } from '../../../../src/copy/types.ts';
import { captureDelta } from '../../../../src/copy/warm/delta.ts';
import type { Base } from '../../../../src/copy/warm/types.ts';
import { warmTree } from '../../../../src/copy/warm/warm.ts';
import { ChecksumWriter } from '../../../../src/snapshot/checksums.ts';
import { FileHasher } from '../../../../src/snapshot/hashing.ts';
import { attributes, contents } from '../../../support/compare.ts';
import { applyEdits, type Edit, edits } from '../../../support/edits.ts';
import { volumeTask } from '../../../support/made-snapshot.ts';
import { must } from '../../../support/odd-tree.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const list = async (root: string, ...what: readonly string[]): Promise<readonly string[]> => {
  const bytes = await must(['find', '.', ...what], root);
  return bytes.toString('latin1').split('\0').sort();
};

/** Everything of a tree that a copy has to have, but for the links. */
const everything = async (root: string) => ({
  entries: await list(
    root,
    '-type',
    'd',
    '-printf',
    '%y %m %U %G %T@ %p\\0',
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

const snapshotOf = async (
  source: string,
  snapshot: string,
  base: Base | undefined,
  { before, during, between }: Night,
): Promise<CopyResult> => {
  await applyEdits(source, before);
  await mkdir(snapshot);
  const editing = applyEdits(source, during);
  const onBaseLost = (why: string): void => expect.fail(why);
  const warm = await warmTree(volumeTask('v', source), snapshot, { bytes: 0, base, onBaseLost });
  await editing;
  await applyEdits(source, between);
  const copied = await captureDelta(warm, snapshot, { quiet: true });
  await using sums = await ChecksumWriter.create(join(snapshot, 'SHA256SUMS'));
  await using hasher = new FileHasher(snapshot);
  const result = await finishCopy(copied, { snapshot, sums, hasher });
  await sums.finish();
  return result;
};

const baseOf = (snapshot: string, { task, index, settled }: CopyResult): Base => ({
  tree: join(snapshot, task.path),
  index: join(snapshot, index),
  settled: settled ?? 0n,
});

it('a warm copy and what changed since equal a cold copy, night after night, and harm no earlier one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(night, { minLength: 2, maxLength: 3 }), async (nights) => {
      const folder = await temporaryFolder('warm');
      try {
        const source = join(folder, 'source');
        await mkdir(source);
        let base: Base | undefined;
        const kept: { readonly copy: string; readonly was: unknown }[] = [];
        for (const [number, changes] of nights.entries()) {
          const snapshot = join(folder, `snapshot-${number}`);
          const result = await snapshotOf(source, snapshot, base, changes);
          const copy = join(snapshot, result.task.path);
          expect(await everything(copy)).toEqual(await everything(source));
          expect(await links(copy)).toEqual(await links(source));
          expect(await list(dirname(copy), '-mindepth', '1', '-maxdepth', '1', '-printf', '%f\\0')).toEqual([
            '',
            'v',
          ]);
          if (result.files > 0) await must(['sha256sum', '--quiet', '-c', 'SHA256SUMS'], snapshot);
          kept.push({ copy, was: await everything(copy) });
          for (const { copy: earlier, was } of kept) expect(await everything(earlier)).toEqual(was);
          base = baseOf(snapshot, result);
        }
      } finally {
        await removeTree(folder);
      }
    }),
    { numRuns: 25, interruptAfterTimeLimit: 15_000, endOnFailure: true },
  );
}, 90_000);
