import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../src/base/disk.ts';
import { copyThroughEngine } from '../../src/copy/archive/archive.ts';
import { planBack, putBack } from '../../src/copy/back/back.ts';
import { copyTree } from '../../src/copy/tree.ts';
import { connectEngine } from '../../src/docker/dockerode.ts';
import type { Engine } from '../../src/docker/engine.ts';
import { coarseListing, contents } from '../support/compare.ts';
import { docker, randomName } from '../support/containers.ts';
import { completeSnapshot, mountOf, volumeTask } from '../support/made-snapshot.ts';
import { makeOddTree, must } from '../support/odd-tree.ts';
import { temporaryFolder } from '../support/temporary.ts';

let engine: Engine;
let folder = '';
let live = '';
const run = randomName('run');
const volumes: string[] = [];
let holder = '';

beforeAll(async () => {
  engine = await connectEngine();
  folder = await temporaryFolder('back-engine');
  live = join(folder, 'live');
  await makeOddTree(live);
  await rm(join(live, 'device'));
  await must(['touch', 'deep-er'], live); // the engine knows no time before 1970
  await must(['chown', '70:71', live]);
  await must(['chmod', '0700', live]);
  for (const name of ['one', 'two']) {
    volumes.push(randomName(name));
    await docker('volume', 'create', '--label', 'io.stack-backup.test=1', volumes.at(-1) ?? '');
  }
  holder = await engine.createHolder({
    run,
    mounts: [
      { kind: 'bind', source: live, target: '/live', readOnly: true },
      ...volumes.map((source, place) => ({
        kind: 'volume' as const,
        source,
        target: `/data/${place}`,
        readOnly: false,
      })),
    ],
  });
});
afterAll(async () => {
  await engine.removeHolders(run);
  for (const volume of volumes) await docker('volume', 'rm', volume);
  await removeTree(folder);
});

const placeOf = async (number: number): Promise<string> =>
  (await engine.volume(volumes[number] ?? ''))?.mountpoint ?? '';

const isSame = async (root: string): Promise<void> => {
  expect(await coarseListing(root)).toEqual(await coarseListing(live));
  expect(await contents(root)).toEqual(await contents(live));
};

describe('putting back through the engine', () => {
  it('fills a volume from a tree, root and links and all, and cannot take anything away', async () => {
    const snapshot = join(folder, 'tree');
    await mkdir(snapshot);
    const copied = await copyTree(volumeTask('v', live), snapshot, { bytes: 0 });
    const [result] = await completeSnapshot(snapshot, [copied]);
    const source = { folder: snapshot, mount: mountOf(result as NonNullable<typeof result>) };
    const target = { kind: 'api', engine, holder, path: '/data/0' } as const;
    const plan = await planBack(source, target);
    expect(plan).toMatchObject({ removed: 0, metadata: 1 });
    expect(await putBack(source, target)).toMatchObject({ created: plan.created });
    await isSame(await placeOf(0));
    expect(await planBack(source, target)).toMatchObject({
      created: 0,
      replaced: 0,
      removed: 0,
      metadata: 0,
    });
    await writeFile(join(await placeOf(0), 'later'), 'later');
    await expect(putBack(source, target)).rejects.toMatchObject({ details: { notEmpty: true } });
    // What is mounted with the folder that it lies in is made anew, also where a killed run has left nothing of it.
    const place = await placeOf(0);
    const parent = { kind: 'bind', source: dirname(place), target: '/beside' } as const;
    const mounts = [{ ...parent, readOnly: false, ofEngine: true } as const];
    const path = join('/beside', basename(place));
    const inParent = { holder: await engine.createHolder({ run, mounts }), path, inParent: true } as const;
    const beside = { ...target, ...inParent };
    expect(await putBack(source, beside)).toMatchObject({ removed: 1 });
    await isSame(place);
    await removeTree(place);
    expect(await planBack(source, beside)).toMatchObject({ same: 0, removed: 0 });
    await writeFile(place, 'a file');
    await putBack(source, beside);
    await isSame(place);
  });

  it('empties what something is mounted on as well, and tells where something is mounted inside of it', async () => {
    const [snapshot, few] = [join(folder, 'few'), join(folder, 'few-files')];
    for (const made of [snapshot, few]) await mkdir(made);
    await writeFile(join(few, 'file'), 'content');
    const [result] = await completeSnapshot(snapshot, [
      await copyTree(volumeTask('few', few), snapshot, { bytes: 0 }),
    ]);
    const source = { folder: snapshot, mount: mountOf(result as NonNullable<typeof result>) };
    const place = join(folder, 'parent/place');
    await mkdir(place, { recursive: true });
    const mountOn = (at: string) => must(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at], folder);
    await mountOn(place);
    try {
      await mkdir(join(place, 'inner/folder'), { recursive: true });
      const parent = { kind: 'bind', source: dirname(place), target: '/parent', readOnly: false } as const;
      const mounted = { engine, holder: await engine.createHolder({ run, mounts: [parent] }) };
      const target = { kind: 'api', ...mounted, path: '/parent/place', inParent: true } as const;
      await mountOn(join(place, 'inner'));
      await expect(putBack(source, target)).rejects.toThrow(/busy/);
      await must(['umount', join(place, 'inner')], folder);
      await putBack(source, target);
      expect(await coarseListing(place)).toEqual(await coarseListing(few));
    } finally {
      await must(['umount', '--recursive', place], folder);
    }
  });

  it('fills a volume from an archive of the engine’s own', async () => {
    const snapshot = join(folder, 'archive');
    await mkdir(snapshot);
    const task = { ...volumeTask('v', live), path: 'volumes/v.tar.zst', method: 'api' as const };
    const copied = await copyThroughEngine(task, snapshot, { engine, holder, target: '/live' });
    const [result] = await completeSnapshot(snapshot, [copied]);
    const source = { folder: snapshot, mount: mountOf(result as NonNullable<typeof result>) };
    await putBack(source, { kind: 'api', engine, holder, path: '/data/1' });
    await isSame(await placeOf(1));
    // And into a folder of the host, over what is there.
    const target = join(folder, 'target');
    await mkdir(target);
    await writeFile(join(target, 'stale'), 'stale');
    await putBack(source, { kind: 'host', path: target });
    await isSame(target);
  });
});
