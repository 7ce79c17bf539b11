import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { lstat, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putBack } from '../../../../src/copy/back/back.ts';
import { patchFile } from '../../../../src/copy/large/patch.ts';
import { copyTree } from '../../../../src/copy/tree.ts';
import type { CopyResult } from '../../../../src/copy/types.ts';
import { captureDelta } from '../../../../src/copy/warm/delta.ts';
import { warmTree } from '../../../../src/copy/warm/warm.ts';
import { casesOf } from '../../../support/cases.ts';
import { attributes, contents, listing } from '../../../support/compare.ts';
import { completeSnapshot, mountOf, volumeTask } from '../../../support/made-snapshot.ts';
import { type MemoryDisk, memoryDisk, type ReflinkType, whyNone } from '../../../support/memory-disk.ts';
import { baseOf, everything, links, nightAfterNight, snapshotOf } from '../../../support/nights.ts';
import { makeOddTree, must } from '../../../support/odd-tree.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const megabyte = 1024 * 1024;
const quietNight = { before: [], during: [], between: [] };

const both: readonly ReflinkType[] = ['xfs', 'btrfs'];
const types = both.slice(0, casesOf(2));
const obstacles = new Map(await Promise.all(types.map(async (type) => [type, await whyNone(type)] as const)));

describe.each(types)('on %s', { timeout: 90_000 }, (type) => {
  const why = obstacles.get(type);
  if (why !== undefined) {
    it('is not tried', ({ skip }) => skip(why));
    return;
  }
  let disk: MemoryDisk;
  let other: MemoryDisk;
  let elsewhere: string;

  beforeAll(async () => {
    other = await memoryDisk('ext4');
    elsewhere = other.path;
    disk = await memoryDisk(type);
  });
  afterAll(async () => {
    await disk?.[Symbol.asyncDispose]();
    await other?.[Symbol.asyncDispose]();
  });

  /** A snapshot a night of `source`, in a new folder on the disk. */
  const nightsOf = async (source: string) => {
    const folder = await temporaryFolder('nights', disk.path);
    let before: { readonly snapshot: string; readonly result: CopyResult } | undefined;
    return async () => {
      const snapshot = join(folder, String(Date.now()));
      const base = before && baseOf(before.snapshot, before.result);
      const result = await snapshotOf(source, snapshot, base, 'tree', quietNight);
      before = { snapshot, result };
      return { copy: join(snapshot, result.task.path), snapshot, result };
    };
  };

  it('equals a cold copy, night after night, and harms no earlier one', async () => {
    const kept = new Map<string, unknown>();
    await nightAfterNight(
      'tree',
      async (source, snapshot, { task, files }) => {
        const copy = join(snapshot, task.path);
        expect(await everything(copy)).toEqual(await everything(source));
        expect(await links(copy)).toEqual(await links(source));
        if (files > 0) await must(['sha256sum', '--quiet', '-c', 'SHA256SUMS'], snapshot);
        for (const [earlier, was] of kept)
          if (earlier.startsWith(dirname(snapshot))) expect(await everything(earlier)).toEqual(was);
        kept.set(copy, await everything(copy));
      },
      {
        snapshots: disk.path,
        sources: type === 'xfs' ? elsewhere : disk.path,
        rounds: casesOf(type === 'xfs' ? 2 : 1),
      },
    );
  });

  it('clones a large file and writes only what differs, whatever became of it', async () => {
    const folder = await temporaryFolder('patch', disk.path);
    const places = { source: elsewhere, copy: join(folder, 'copy'), target: join(folder, 'target') };
    await mkdir(places.copy);
    const name = Buffer.from('file');
    const change = fc.record({
      kind: fc.constantFrom('write', 'write', 'zeros', 'cut', 'grow', 'punch'),
      at: fc.nat(2 * megabyte),
      length: fc.integer({ min: 1, max: 300_000 }),
    });
    const old = Buffer.concat([randomBytes(megabyte), Buffer.alloc(300_000), randomBytes(megabyte)]);
    await writeFile(join(places.copy, 'file'), old);
    const apply = async (
      path: string,
      { kind, at, length }: { kind: string; at: number; length: number },
    ) => {
      if (kind === 'cut') await truncate(path, at);
      if (kind === 'grow') await truncate(path, (await stat(path)).size + length);
      if (kind === 'punch') await must(['fallocate', '-p', '-o', `${at}`, '-l', `${length}`, path]);
      if (kind !== 'write' && kind !== 'zeros') return;
      const file = await open(path, 'r+');
      await file.write(kind === 'zeros' ? Buffer.alloc(length) : randomBytes(length), 0, length, at);
      await file.close();
    };
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 6 }), async (changes) => {
        const path = join(elsewhere, 'file');
        await writeFile(path, old);
        for (const one of changes) await apply(path, one);
        const patched = await patchFile(places, name);
        const is = await readFile(path);
        expect((await readFile(join(places.target, 'file'))).equals(is)).toBe(true);
        expect(await readFile(join(places.copy, 'file')).then((was) => was.equals(old))).toBe(true);
        let changed = 0;
        for (let at = 0; at < is.length; at += 4096)
          if (!is.subarray(at, at + 4096).equals(old.subarray(at, at + 4096))) changed += 4096;
        expect(patched?.written).toBeLessThanOrEqual(changed);
        await rm(join(places.target, 'file'));
      }),
      { numRuns: casesOf(12), endOnFailure: true },
    );
  });

  it('shares all blocks with the source where it lies on the same file system', async () => {
    const source = await temporaryFolder('same', disk.path);
    await writeFile(join(source, 'large'), randomBytes(20 * megabyte));
    const before = await disk.used();
    const night = await nightsOf(source);
    const first = await night();
    expect((await disk.used()) - before).toBeLessThan(8 * megabyte);
    const file = await open(join(source, 'large'), 'r+');
    await file.write(randomBytes(8192), 0, 8192, 9 * megabyte);
    await file.close();
    const second = await night();
    expect((await disk.used()) - before).toBeLessThan(12 * megabyte);
    expect(await contents(second.copy)).toEqual(await contents(source));
    expect(await contents(first.copy)).not.toEqual(await contents(source));
  });

  it('writes next to nothing of a large file from elsewhere that changed in part, in either pass', async () => {
    const source = await temporaryFolder('parts', elsewhere);
    const path = join(source, 'large');
    await writeFile(path, randomBytes(20 * megabyte));
    await must(['setfattr', '-n', 'user.colour', '-v', 'blue', 'large'], source);
    await must(['setfacl', '-m', 'u:4242:rw', 'large'], source);
    const change = async (at: number): Promise<void> => {
      const file = await open(path, 'r+');
      await file.write(randomBytes(8192), 0, 8192, at * megabyte);
      await file.close();
    };
    const night = await nightsOf(source);
    const first = await night();
    const sums = await contents(first.copy);
    await change(7);
    await must(['setfattr', '-x', 'user.colour', 'large'], source);
    await must(['chown', '12:34', 'large'], source);
    const before = await disk.used();
    const options = { bytes: 0, base: baseOf(first.snapshot, first.result), onBaseLost: expect.fail };
    const snapshot = await temporaryFolder('by-hand', disk.path);
    const warm = await warmTree(volumeTask('v', source), snapshot, options);
    expect((await disk.used()) - before).toBeLessThan(2 * megabyte);
    await change(15);
    const { delta } = await captureDelta(warm, snapshot, { quiet: true });
    expect(delta?.captured).toMatchObject({ entries: 1, bytes: 8192 });
    const second = await night();
    expect((await disk.used()) - before).toBeLessThan(4 * megabyte);
    expect(await listing(second.copy)).toEqual(await listing(source));
    expect(await attributes(second.copy)).toEqual(await attributes(source));
    expect(await contents(second.copy)).toEqual(await contents(source));
    expect(await contents(first.copy)).toEqual(sums);
    expect((await lstat(join(first.copy, 'large'))).uid).toBe(0);
  });

  it('keeps holes, and makes new ones, in what it patches', async () => {
    const source = await temporaryFolder('holes', elsewhere);
    const path = join(source, 'image');
    const file = await open(path, 'wx');
    await file.write(randomBytes(8 * megabyte), 0, undefined, 0);
    await file.truncate(64 * megabyte);
    await file.write(randomBytes(4096), 0, undefined, 48 * megabyte);
    await file.close();
    const night = await nightsOf(source);
    await night();
    await must(['fallocate', '-p', '-o', '0', '-l', `${6 * megabyte}`, path]);
    const { copy } = await night();
    expect(await contents(copy)).toEqual(await contents(source));
    expect((await stat(join(copy, 'image'))).blocks * 512).toBeLessThan(3 * megabyte);
  });

  it('has what a memory map wrote, before the copy and after it', async () => {
    const source = await temporaryFolder('map', elsewhere);
    const path = join(source, 'mapped');
    await writeFile(path, Buffer.alloc(4 * megabyte, 'first'));
    const night = await nightsOf(source);
    const first = await night();
    const writer = spawn('stdbuf', ['-oL', 'xfs_io', path]);
    writer.stdin.write('mmap -rw 0 4m\nmwrite -S 0x41 8192 4096\nprint\n');
    await once(createInterface({ input: writer.stdout }), 'line');
    const snapshot = await temporaryFolder('by-hand', disk.path);
    const warm = await warmTree(volumeTask('v', source), snapshot, {
      bytes: 0,
      base: baseOf(first.snapshot, first.result),
      onBaseLost: expect.fail,
    });
    expect(await contents(join(snapshot, warm.task.path))).toEqual(await contents(source));
    writer.stdin.end('mwrite -S 0x42 8192 4096\nquit\n');
    await once(writer, 'exit');
    const { delta } = await captureDelta(warm, snapshot, { quiet: true });
    expect(delta?.captured).toMatchObject({ entries: 1, bytes: 4096 });
    expect(await contents(delta?.captured.large ?? '')).toEqual(await contents(source));
  });

  if (type === 'btrfs')
    it('puts back into a subvolume, and moves nothing into another one', async () => {
      const folder = await temporaryFolder('subvolumes', disk.path);
      const [live, snapshot] = [join(folder, 'live'), join(folder, 'snapshot')];
      for (const path of [live, join(live, 'inner')]) await must(['btrfs', 'subvolume', 'create', path]);
      for (const path of ['one', 'other', 'inner/file']) await writeFile(join(live, path), 'before');
      await mkdir(snapshot);
      const copied = await copyTree(volumeTask('data', live), snapshot, { bytes: 0, quiet: true });
      const [result] = await completeSnapshot(snapshot, [copied]);
      const source = { folder: snapshot, mount: mountOf(result as NonNullable<typeof result>) };
      const before = [await listing(live), await contents(live)];
      await writeFile(join(live, 'one'), 'afterwards');
      await writeFile(join(live, 'more'), 'afterwards');
      await putBack(source, { kind: 'host', path: live });
      expect([await listing(live), await contents(live)]).toEqual(before);
      expect(await readdir(folder)).toEqual(['live', 'snapshot']);
      for (const path of ['one', 'inner/file']) await writeFile(join(live, path), 'afterwards');
      await expect(putBack(source, { kind: 'host', path: live })).rejects.toMatchObject({
        code: 'copy-failed',
        message: expect.stringMatching(/inner\/file differs, and inner is a subvolume/),
      });
      expect(await readFile(join(live, 'one'), 'utf8')).toBe('afterwards');
    });

  it('keeps everything there is, from here to elsewhere and back', async () => {
    const source = join(await temporaryFolder('odd', disk.path), 'odd');
    await makeOddTree(source);
    const there = await snapshotOf(source, join(elsewhere, `odd-${type}`), undefined, 'tree', quietNight);
    const copy = join(elsewhere, `odd-${type}`, there.task.path);
    expect(await listing(copy)).toEqual(await listing(source));
    expect(await attributes(copy)).toEqual(await attributes(source));
    const all = await must(['getfattr', '-R', '-h', '-d', '-m', '-', '.'], copy);
    expect(all.toString('latin1')).not.toContain('SGI_ACL');
    const back = await snapshotOf(copy, join(disk.path, 'back'), undefined, 'tree', quietNight);
    const returned = join(disk.path, 'back', back.task.path);
    expect(await listing(returned)).toEqual(await listing(source));
    expect(await attributes(returned)).toEqual(await attributes(source));
  });
});
