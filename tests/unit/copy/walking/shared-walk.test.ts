import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../../src/base/disk.ts';
import { streamRecords } from '../../../../src/copy/walk.ts';
import { partsOf } from '../../../../src/copy/walking/parts.ts';
import { sharedWalk } from '../../../../src/copy/walking/shared-walk.ts';
import { makeOddTree } from '../../../support/odd-tree.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

let folder = '';
beforeAll(async () => {
  folder = await temporaryFolder('shared-walk');
});
afterAll(() => removeTree(folder));

const large = 1_000_000;

const recordsOf = async (chunks: AsyncIterable<Buffer>): Promise<string[]> => {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString('latin1').split('\0').sort();
};

/** 5 × 5 folders with something in each, and things beside them at every level. */
const makeDeepTree = async (root: string): Promise<void> => {
  for (let at = 0; at < 25; at++) {
    const leaf = join(root, `level ${Math.floor(at / 5)}`, `x${at}`, 'deep', 'er');
    await mkdir(leaf, { recursive: true });
    await writeFile(join(leaf, '\u00e4 -name\nwith a line'), 'x'.repeat(at));
    await writeFile(join(root, `level ${Math.floor(at / 5)}`, `file ${at}`), '');
  }
  await writeFile(join(root, '-top'), '');
  await symlink('level 0', join(root, 'link'));
  await symlink('/etc', join(root, 'level 0', 'out'));
  await makeOddTree(join(root, 'level 1', 'x7', 'deep', 'odd'));
};

describe('a walk that is shared out', () => {
  it('tells the same as one walk, each entry once', async () => {
    const root = join(folder, 'deep');
    await makeDeepTree(root);
    expect(await partsOf(root)).toMatchObject({ depth: 2, folders: { length: 25 } });
    const whole = await recordsOf(streamRecords(root));
    expect(whole.length).toBeGreaterThan(100);
    expect(await recordsOf(sharedWalk(root, large))).toEqual(whole);
  });

  it.each([
    ['has no folders', async (root: string) => writeFile(join(root, 'file'), '')],
    [
      'is flat',
      async (root: string) => {
        for (let at = 0; at < 4_100; at++) await writeFile(join(root, String(at)), '');
      },
    ],
    [
      'has folders that look like an expression',
      async (root: string) => {
        for (const name of ['-delete', '(', ...Array.from({ length: 20 }, (_, at) => String(at))])
          await mkdir(join(root, name));
      },
    ],
    [
      'has folders whose names are no text',
      async (root: string) => {
        for (let at = 0; at < 20; at++)
          await mkdir(Buffer.concat([Buffer.from(`${root}/${at}`), Buffer.of(0xff)]));
      },
    ],
  ])('is one walk where the tree %s', async (name, fill) => {
    const root = join(folder, name);
    await mkdir(root);
    await fill(root);
    expect(await partsOf(root)).toBeUndefined();
    expect(await recordsOf(sharedWalk(root, large))).toEqual(await recordsOf(streamRecords(root)));
  });

  it('ends with its reason when it is interrupted', async () => {
    const root = join(folder, 'interrupted');
    await makeDeepTree(root);
    const reason = new Error('enough');
    const walking = recordsOf(sharedWalk(root, large, AbortSignal.abort(reason)));
    await expect(walking).rejects.toMatchObject({ code: 'interrupted' });
  });

  it('fails when the tree cannot be read', async () => {
    const walking = recordsOf(sharedWalk(join(folder, 'nowhere'), large));
    await expect(walking).rejects.toMatchObject({ code: 'copy-failed' });
  });
});
