import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Change, planBack, putBack } from '../../../../src/copy/back/back.ts';
import { copyTree } from '../../../../src/copy/tree.ts';
import type { ManifestMount } from '../../../../src/snapshot/types.ts';
import { casesOf } from '../../../support/cases.ts';
import { attributes, contents, listing } from '../../../support/compare.ts';
import { applyEdits, edits } from '../../../support/edits.ts';
import { bindTask, completeSnapshot, mountOf, volumeTask } from '../../../support/made-snapshot.ts';
import { mountedMemory } from '../../../support/mounted.ts';
import { makeOddTree, must } from '../../../support/odd-tree.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { until } from '../../../support/until.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder('back');
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const snapshotOf = async (
  live: string,
  quiet = true,
  name = 'snapshot',
): Promise<{ folder: string; mount: ManifestMount }> => {
  const snapshot = join(folder, name);
  await mkdir(snapshot);
  const copied = await copyTree(volumeTask('data', live), snapshot, { bytes: 0, quiet });
  const [result] = await completeSnapshot(snapshot, [copied]);
  return { folder: snapshot, mount: mountOf(result as NonNullable<typeof result>) };
};

/** All there is to know of a tree. */
const stateOf = async (root: string) => ({
  listing: await listing(root),
  contents: await contents(root),
  attributes: await attributes(root),
});

/** Without its large hole: reading that takes most of the time. */
const makeSmallOddTree = async (root: string): Promise<void> => {
  await makeOddTree(root);
  await rm(join(root, 'sparse'));
  await must(['truncate', '-s', '4M', 'sparse'], root);
};

/** What changed in the same tick of the file system's clock as a copy began counts as changed since. */
const clockMovesOn = async (): Promise<void> => {
  const stamp = join(folder, 'stamp');
  const now = async (): Promise<number> => {
    await writeFile(stamp, '');
    return (await stat(stamp)).ctimeMs;
  };
  const from = await now();
  await until('the clock of the file system has moved on', async () => (await now()) > from + 20);
};

const host = (path: string) => ({ kind: 'host', path }) as const;

const changesOf = async (source: Parameters<typeof planBack>[0], target: string) => {
  const changes: Change[] = [];
  const plan = await planBack(source, host(target), { devices: true, onChange: (one) => changes.push(one) });
  return { plan, changes: changes.map(({ kind, path }) => `${kind} ${path.toString('latin1')}`).sort() };
};

describe('putting back a tree', { timeout: 90_000 }, () => {
  it('makes everything a tree can hold, in an empty folder', async () => {
    const [live, target] = [join(folder, 'live'), join(folder, 'target')];
    await makeSmallOddTree(live);
    const before = await stateOf(live);
    const source = await snapshotOf(live);
    await mkdir(target);
    await putBack(source, host(target), { devices: true });
    expect(await stateOf(target)).toEqual(before);
    expect(await stateOf(join(source.folder, source.mount.path))).toEqual(before);
    // And again over what is there: nothing is left to do.
    const again = await putBack(source, host(target), { devices: true });
    expect(again).toMatchObject({ created: 0, removed: 0, metadata: 0 });
    expect(await stateOf(target)).toEqual(before);
  });

  it('finds nothing to do where nothing was touched, and reads nothing for that', async () => {
    const live = join(folder, 'live');
    await makeSmallOddTree(live);
    await clockMovesOn();
    const source = await snapshotOf(live);
    const before = await must(['find', '.', '-printf', '%i %C@ %p\\0'], live);
    const result = await putBack(source, host(live), {});
    expect(result).toMatchObject({ created: 0, replaced: 0, removed: 0, metadata: 0, bytes: 0 });
    expect(await must(['find', '.', '-printf', '%i %C@ %p\\0'], live)).toEqual(before);
  });

  it('gives the same as a cold copy, whatever was done to the target', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        edits(30),
        edits(30),
        fc.boolean(),
        fc.boolean(),
        async (first, then, quiet, isKept) => {
          const root = folder;
          folder = join(root, String(round++));
          const live = join(folder, 'live');
          await mkdir(live, { recursive: true });
          await applyEdits(live, first);
          const before = await stateOf(live);
          const source = await snapshotOf(live, quiet);
          await applyEdits(live, then);
          const { plan } = await changesOf(source, live);
          if (isKept) await clockMovesOn();
          const kept = isKept ? { known: await snapshotOf(live, true, 'kept') } : {};
          const result = await putBack(source, host(live), { devices: true, ...kept });
          expect(await stateOf(live)).toEqual(before);
          expect(await stateOf(join(source.folder, source.mount.path))).toEqual(before);
          expect(result).toMatchObject(plan);
          const { changes } = await changesOf(source, live);
          expect(changes.filter((one) => !one.startsWith('replaced'))).toEqual([]);
          folder = root;
        },
      ),
      { numRuns: casesOf(6), endOnFailure: true },
    );
  });

  it('puts back a bind that is one file, and the file a new one', async () => {
    const [live, snapshot] = [join(folder, 'settings.ini'), join(folder, 'snapshot')];
    await writeFile(live, 'as it was');
    await must(['chown', '12:34', live]);
    await must(['touch', '-d', '2011-11-11 11:11:11.111111111Z', live]);
    await mkdir(snapshot);
    const copied = await copyTree(bindTask(live), snapshot, { bytes: 0 });
    const [result] = await completeSnapshot(snapshot, [copied]);
    const source = { folder: snapshot, mount: mountOf(result as NonNullable<typeof result>) };
    const before = await must(['stat', '-c', '%u %g %a %y', live]);
    await link(live, join(folder, 'held'));
    await writeFile(live, 'as it is now');
    expect(await planBack(source, host(live))).toMatchObject({ replaced: 1, bytes: 9 });
    expect(await putBack(source, host(live))).toMatchObject({ replaced: 1 });
    expect(await readFile(live, 'utf8')).toBe('as it was');
    expect(await readFile(join(folder, 'held'), 'utf8')).toBe('as it is now');
    expect(await must(['stat', '-c', '%u %g %a %y', live])).toEqual(before);
    expect(await putBack(source, host(live))).toMatchObject({ replaced: 0, same: 1 });
  });

  it('puts back single paths with what belongs to them, and leaves the rest alone', async () => {
    const live = join(folder, 'live');
    await mkdir(join(live, 'sub/deep'), { recursive: true });
    for (const name of ['app.db', 'app.db-wal', 'other', 'sub/deep/x', 'sub/y'])
      await writeFile(join(live, name), name);
    const source = await snapshotOf(live);
    for (const name of ['app.db', 'app.db-wal', 'app.db-shm', 'other', 'sub/y', 'sub/new'])
      await writeFile(join(live, name), 'changed');
    await rm(join(live, 'sub/deep'), { recursive: true });
    await putBack(source, host(live), { paths: [Buffer.from('app.db'), Buffer.from('sub/deep/x')] });
    const read = (name: string) => readFile(join(live, name), 'utf8').catch(() => undefined);
    expect(await Promise.all(['app.db', 'app.db-wal', 'app.db-shm', 'sub/deep/x'].map(read))).toEqual([
      ...['app.db', 'app.db-wal', undefined, 'sub/deep/x'],
    ]);
    expect(await Promise.all(['other', 'sub/y', 'sub/new'].map(read))).toEqual(Array(3).fill('changed'));
  });

  it('fills the root of a file system of its own, and leaves nothing else in it', async () => {
    const [live, target] = [join(folder, 'live'), join(folder, 'target')];
    await mkdir(join(live, 'sub'), { recursive: true });
    await writeFile(join(live, 'sub/file'), 'file');
    await must(['chown', '12:34', '.'], live);
    const before = [await listing(live), await contents(live)];
    const source = await snapshotOf(live);
    await using _ = await mountedMemory(target, 'size=4m');
    await mkdir(join(target, 'lost+found'));
    await putBack(source, host(target));
    expect([await listing(target), await contents(target)]).toEqual(before);
  });

  it('touches nothing when another file system in the target is in the way, and says which', async () => {
    const live = join(folder, 'live');
    await mkdir(join(live, 'plain'), { recursive: true });
    await using _ = await mountedMemory(join(live, 'an other/disk'), 'size=4m');
    for (const name of ['plain/file', 'an other/disk/file']) await writeFile(join(live, name), 'before');
    const source = await snapshotOf(live);
    await writeFile(join(live, 'plain/file'), 'afterwards');
    // What lies there is as it was: it is in nobody's way.
    expect(await putBack(source, host(live))).toMatchObject({ replaced: 1 });
    await writeFile(join(live, 'plain/file'), 'afterwards');
    await writeFile(join(live, 'an other/disk/file'), 'afterwards');
    const changed = await contents(live);
    await expect(putBack(source, host(live))).rejects.toMatchObject({
      code: 'copy-failed',
      message: expect.stringMatching(
        /disk\/file differs, and another file system is mounted at an other\/disk/,
      ),
    });
    expect(await contents(live)).toEqual(changed);
    await writeFile(join(live, 'an other/disk/file'), 'before');
    // A folder with an attribute too many would be made anew, and what lies in it be moved.
    await must(
      ['touch', '-r', join(source.folder, source.mount.path, 'an other/disk/file'), 'an other/disk/file'],
      live,
    );
    await writeFile(join(live, 'plain/file'), 'before');
    await must(['touch', '-r', join(source.folder, source.mount.path, 'plain/file'), 'plain/file'], live);
    await must(['setfattr', '-n', 'user.n', '-v', '1', 'an other'], live);
    const marked = await stateOf(live);
    await expect(putBack(source, host(live))).rejects.toMatchObject({
      code: 'copy-failed',
      message: expect.stringMatching(
        /an other differs, and another file system is mounted at an other\/disk/,
      ),
    });
    expect(await stateOf(live)).toEqual(marked);
    await writeFile(join(live, 'plain/file'), 'afterwards');
    const some = { paths: [Buffer.from('plain')] };
    expect(await putBack(source, host(live), some)).toMatchObject({ replaced: 1 });
    expect(await readFile(join(live, 'plain/file'), 'utf8')).toBe('before');
  });

  it('takes attributes from a folder, and leaves the time of the one above it', async () => {
    const live = join(folder, 'live');
    await mkdir(join(live, 'sub/inner'), { recursive: true });
    await writeFile(join(live, 'sub/inner/file'), 'file');
    const before = await stateOf(live);
    const source = await snapshotOf(live);
    await must(['setfacl', '-m', 'u:4242:r', 'sub/inner'], live);
    await must(['setfattr', '-n', 'user.n', '-v', '1', 'sub'], live);
    await must(['setfattr', '-n', 'user.50%=half%3D', '-v', '1', '.'], live);
    expect(await putBack(source, host(live))).toMatchObject({ lost: [] });
    expect(await stateOf(live)).toEqual(before);
  });

  it('leaves alone what XFS shows of an ACL as an attribute', async () => {
    const live = join(folder, 'live');
    await mkdir(join(live, 'sub'), { recursive: true });
    const source = await snapshotOf(live);
    await must(['setfattr', '-n', 'trusted.SGI_ACL_FILE', '-v', '1', '.', 'sub'], live);
    expect(await putBack(source, host(live))).toMatchObject({ metadata: 0, same: 2 });
    const shown = await must(['getfattr', '-R', '-d', '-m', 'SGI_ACL_FILE', '.'], live);
    expect(shown.toString().match(/SGI_ACL_FILE/g)).toHaveLength(2);
  });
});
