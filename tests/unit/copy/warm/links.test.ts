import { link, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../../src/base/disk.ts';
import { finishCopy } from '../../../../src/copy/finish.ts';
import type { CopyResult } from '../../../../src/copy/types.ts';
import { captureDelta } from '../../../../src/copy/warm/delta.ts';
import type { Base } from '../../../../src/copy/warm/types.ts';
import { warmTree } from '../../../../src/copy/warm/warm.ts';
import { warmArchive } from '../../../../src/copy/warm/warm-archive.ts';
import { ChecksumWriter } from '../../../../src/snapshot/checksums.ts';
import type { RecordEntry } from '../../../../src/snapshot/entries/records.ts';
import { FileHasher } from '../../../../src/snapshot/hashing.ts';
import { readIndex } from '../../../../src/snapshot/index-file.ts';
import { archivePath, volumePath } from '../../../../src/snapshot/layout.ts';
import { volumeTask } from '../../../support/made-snapshot.ts';
import { baseOf, links } from '../../../support/nights.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

let folder: string;
let source: string;
beforeEach(async () => {
  folder = await temporaryFolder('links');
  source = join(folder, 'source');
  await mkdir(join(source, 'old'), { recursive: true });
  await mkdir(join(source, 'other'));
  await writeFile(join(source, 'old', 'one'), 'of two names');
  await link(join(source, 'old', 'one'), join(source, 'other', 'one'));
});
afterEach(() => removeTree(folder));

const forms = {
  tree: { path: volumePath('v'), warmed: warmTree },
  archive: { path: archivePath(volumePath('v')), warmed: warmArchive },
};

/** A snapshot; `between` is done when all is copied and the services still run. */
const snapshotOf = async (
  form: keyof typeof forms,
  name: string,
  between: () => Promise<void> = async () => undefined,
  base?: Base,
): Promise<{ readonly snapshot: string; readonly result: CopyResult }> => {
  const snapshot = join(folder, name);
  await mkdir(snapshot);
  const { path, warmed } = forms[form];
  const onBaseLost = (why: string): never => {
    throw new Error(why);
  };
  const warm = await warmed({ ...volumeTask('v', source), path }, snapshot, { bytes: 0, base, onBaseLost });
  await between();
  const copied = await captureDelta(warm, snapshot, { quiet: true });
  await using sums = await ChecksumWriter.create(join(snapshot, 'SHA256SUMS'));
  await using hasher = new FileHasher(snapshot);
  const result = await finishCopy(copied, { snapshot, sums, hasher });
  await sums.finish();
  return { snapshot, result };
};

/** The part of an archive that has the bytes of a file under one of its names, and the other name as a link to it. */
const partOf = async (snapshot: string, { index }: CopyResult, ...names: readonly string[]) => {
  const found: RecordEntry[] = [];
  for await (const batch of readIndex(join(snapshot, index)))
    found.push(...batch.filter(({ type }) => type === 'file'));
  expect(found.map(({ path }) => String(path)).sort()).toEqual(names);
  const carrier = found.find(({ target }) => target === undefined);
  const link = found.find(({ target }) => target !== undefined);
  expect(String(link?.target)).toBe(String(carrier?.path));
  expect(link?.part).toBe(carrier?.part);
  return carrier?.part;
};

const moveFolder = (): Promise<void> => rename(join(source, 'old'), join(source, 'new'));

describe('names of one file in several folders', () => {
  it('stay names of one file in a tree when one of the folders is moved, in the night or over the day', async () => {
    const first = await snapshotOf('tree', 'first', moveFolder);
    expect(await links(join(first.snapshot, first.result.task.path))).toEqual(['./new/one\0./other/one']);
    await rename(join(source, 'new'), join(source, 'newer'));
    const second = await snapshotOf('tree', 'second', undefined, baseOf(first.snapshot, first.result));
    expect(await links(join(second.snapshot, second.result.task.path))).toEqual(['./newer/one\0./other/one']);
  });

  it('stay in one part of an archive', async () => {
    const first = await snapshotOf('archive', 'first', moveFolder);
    expect(await partOf(first.snapshot, first.result, 'new/one', 'other/one')).toBe(0);
    await rename(join(source, 'new'), join(source, 'newer'));
    const second = await snapshotOf('archive', 'second', undefined, baseOf(first.snapshot, first.result));
    expect(await partOf(second.snapshot, second.result, 'newer/one', 'other/one')).toBe(1);
  });
});
