import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { link, mkdir, open, readFile, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { putBack } from '../../../../src/copy/back/back.ts';
import { differingOf, patch } from '../../../../src/copy/back/fill/patch.ts';
import { copyTree } from '../../../../src/copy/tree.ts';
import { canReflink } from '../../../../src/copy/warm/clone.ts';
import type { ManifestMount } from '../../../../src/snapshot/types.ts';
import { casesOf } from '../../../support/cases.ts';
import { attributes, contents, listing } from '../../../support/compare.ts';
import { completeSnapshot, mountOf, volumeTask } from '../../../support/made-snapshot.ts';
import { must } from '../../../support/odd-tree.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const megabyte = 1024 * 1024;
const largeBytes = 5 * megabyte + 777;

let folder: string;
let live: string;
beforeEach(async () => {
  folder = await temporaryFolder('patch');
  live = join(folder, 'live');
  await mkdir(live);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Bytes of which no block is like another. */
const noise = (size: number, salt = 1): Buffer => {
  const bytes = Buffer.alloc(size);
  for (let at = 0, word = salt; at + 4 <= size; at += 4) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
    bytes.writeUInt32LE(word, at);
  }
  return bytes;
};

const snapshotOf = async (name = 'snapshot'): Promise<{ folder: string; mount: ManifestMount }> => {
  const snapshot = join(folder, name);
  await mkdir(snapshot);
  const copied = await copyTree(volumeTask('data', live), snapshot, { bytes: 0, quiet: true });
  const [result] = await completeSnapshot(snapshot, [copied]);
  return { folder: snapshot, mount: mountOf(result as NonNullable<typeof result>) };
};

const stateOf = async (root: string) => ({
  listing: await listing(root),
  contents: await contents(root),
  attributes: await attributes(root),
});

const writeAt = async (path: string, bytes: Buffer, ...places: readonly number[]): Promise<void> => {
  await using file = await open(path, 'r+');
  for (const place of places) await file.write(bytes, 0, bytes.length, place);
};

/** As bits rot: no time of the file tells, but for that of the change itself. */
const damageKeepingTime = async (path: string, place: number): Promise<void> => {
  const times = join(folder, 'times');
  await must(['cp', '-p', path, times]);
  await writeAt(path, Buffer.alloc(4096), place);
  await must(['touch', '-r', times, path]);
};

const target = () => ({ kind: 'host', path: live }) as const;
const large = () => join(live, 'large');

describe('patching a file in its place', { timeout: 60_000 }, () => {
  it('makes it what the other is, whatever was done to it, or says that it is not worth it', async () => {
    const damages = fc.array(
      fc.record({ at: fc.nat({ max: 3 * megabyte }), length: fc.integer({ min: 1, max: 9_000 }) }),
      { maxLength: 12 },
    );
    const [one, other] = [join(folder, 'one'), join(folder, 'other')];
    await fc.assert(
      fc.asyncProperty(
        damages,
        fc.nat({ max: 3 * megabyte }),
        fc.nat({ max: 70_000 }),
        async (all, size, more) => {
          const bytes = noise(size);
          await writeFile(one, bytes);
          await writeFile(other, Buffer.concat([bytes, noise(more, 2)]));
          for (const { at, length } of all) await writeAt(other, noise(length, at + 3), at);
          await using source = await open(one, 'r');
          await using damaged = await open(other, 'r+');
          const differing = await differingOf(source, damaged, { hashing: true });
          if (differing === undefined) return;
          expect(await patch(source, damaged, differing, undefined)).toBe(true);
          expect((await readFile(other)).equals(bytes)).toBe(true);
        },
      ),
      { numRuns: casesOf(30) },
    );
  });

  it('says so when what it wrote is not what was compared', async () => {
    const [one, other] = [join(folder, 'one'), join(folder, 'other')];
    await writeFile(one, noise(megabyte));
    await writeFile(other, noise(megabyte));
    await writeAt(other, Buffer.alloc(4096), 8192);
    await using source = await open(one, 'r');
    await using damaged = await open(other, 'r+');
    const differing = await differingOf(source, damaged, { hashing: true });
    if (differing === undefined) throw new Error('it is worth it');
    await writeAt(one, Buffer.alloc(4096, 7), 8192);
    expect(await patch(source, damaged, differing, undefined)).toBe(false);
  });
});

describe('putting back a large file of which little differs', { timeout: 60_000 }, () => {
  it('gives the same as a new file would be, and writes the same inode where blocks cannot be shared', async () => {
    await writeFile(large(), noise(largeBytes), { mode: 0o640 });
    await must(['chown', '12:34', large()]);
    await must(['touch', '-d', '2011-11-11 11:11:11.123456789Z', large()]);
    const before = await stateOf(live);
    const { ino } = await stat(large());
    const source = await snapshotOf();
    await writeAt(large(), Buffer.alloc(8192), 12_288, 3 * megabyte + 5, largeBytes - 100);
    await must(['chmod', '4777', large()]);
    const result = await putBack(source, target());
    expect(result).toMatchObject({ created: 0, replaced: 1, removed: 0, lost: [] });
    expect(await stateOf(live)).toEqual(before);
    expect((await stat(large())).ino === ino).toBe(!(await canReflink(folder)));
    expect(await stateOf(join(source.folder, source.mount.path))).toEqual(before);
    expect(await readFile(large()).then((bytes) => bytes.equals(noise(largeBytes)))).toBe(true);
  });

  it('finds damage that kept size and time of the file', async () => {
    await writeFile(large(), noise(largeBytes));
    const source = await snapshotOf();
    const { atime, mtime } = await stat(large());
    await utimes(large(), atime, mtime); // to the precision that can be set again
    const again = await snapshotOf('again');
    await writeAt(large(), Buffer.alloc(4096), megabyte);
    await utimes(large(), atime, mtime);
    for (const one of [again, source]) {
      expect(await putBack(one, target())).toMatchObject({ replaced: 1 });
      expect((await readFile(large())).equals(noise(largeBytes))).toBe(true);
    }
  });

  it.each([
    ['another name holds it', async () => await link(large(), join(folder, 'held'))],
    ['it has an attribute', async () => void (await must(['setfattr', '-n', 'user.n', '-v', '1', large()]))],
    ['it has an ACL', async () => void (await must(['setfacl', '-m', 'u:4242:r', large()]))],
    ['it is shorter', async () => await truncate(large(), 3 * megabyte)],
    [
      'it is a link',
      async () =>
        await rename(large(), join(folder, 'held'))
          .then(() => must(['ln', '-s', join(folder, 'held'), large()]))
          .then(() => undefined),
    ],
    ['nearly all of it differs', async () => await writeFile(large(), noise(largeBytes, 9))],
  ])('makes it anew when %s', async (_, obstruct) => {
    await writeFile(large(), noise(largeBytes));
    const before = await stateOf(live);
    const { ino } = await stat(large());
    const source = await snapshotOf();
    await writeAt(large(), Buffer.alloc(4096), megabyte);
    await obstruct();
    const held = await readFile(join(folder, 'held')).catch(() => undefined);
    await putBack(source, target());
    expect(await stateOf(live)).toEqual(before);
    expect((await stat(large())).ino).not.toBe(ino);
    // Whoever else holds the old one keeps it as it was.
    expect(await readFile(join(folder, 'held')).catch(() => undefined)).toEqual(held);
  });

  it('never shows a file that is patched half-way, and is finished by the next one when it was killed', async () => {
    await writeFile(large(), noise(largeBytes));
    const before = await stateOf(live);
    const source = await snapshotOf();
    for (let at = 0; at < 100; at++) await writeAt(large(), Buffer.alloc(4096), at * 50_000);
    const damaged = await readFile(large());
    const script = `
      import { putBack } from ${JSON.stringify(resolve('src/copy/back/back.ts'))};
      const { source, target } = JSON.parse(process.env.WORK);
      await putBack(source, target);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: 'ignore',
      env: { ...process.env, WORK: JSON.stringify({ source, target: target() }) },
    });
    const ended = once(child, 'exit');
    while (existsSync(large()) && child.exitCode === null) await setTimeout(1);
    child.kill('SIGKILL');
    await ended;
    // It was at work (the file is aside), or done: a new one takes the place of the old in one step.
    expect([null, 0]).toContain(child.exitCode);
    const left = await readFile(large()).catch(() => undefined);
    expect(left === undefined || left.equals(damaged) || left.equals(noise(largeBytes))).toBe(true);
    await putBack(source, target());
    expect(await stateOf(live)).toEqual(before);
    expect(readdirSync(folder).filter((name) => name.startsWith('.stack-backup-'))).toEqual([]);
  });

  it('gives the same when the snapshot was just read, and need not be hashed again', async () => {
    await writeFile(large(), noise(largeBytes));
    const before = await stateOf(live);
    const source = await snapshotOf();
    await writeAt(large(), Buffer.alloc(4096), megabyte);
    const wholeSince = BigInt(Date.now() + 60_000) * 1_000_000n; // long after its files were made
    expect(await putBack({ ...source, wholeSince }, target())).toMatchObject({ replaced: 1 });
    expect(await stateOf(live)).toEqual(before);
  });

  it('takes the word of whoever has just read it: it is not hashed, where it is patched', async () => {
    await writeFile(large(), noise(largeBytes));
    const source = await snapshotOf();
    await damageKeepingTime(join(source.folder, source.mount.path, 'large'), 2 * megabyte);
    await writeAt(large(), Buffer.alloc(4096), megabyte);
    const wholeSince = BigInt(Date.now() + 60_000) * 1_000_000n;
    const putting = putBack({ ...source, wholeSince }, target());
    // A whole copy is read again in any case.
    if (await canReflink(folder)) await expect(putting).rejects.toMatchObject({ code: 'verify-failed' });
    else expect(await putting).toMatchObject({ replaced: 1 });
  });

  it.each([
    ['', undefined],
    [' after it was found to be whole', BigInt(Date.now()) * 1_000_000n],
  ])('leaves the target as it is when the snapshot was damaged%s', async (_, wholeSince) => {
    await writeFile(large(), noise(largeBytes));
    const source = { ...(await snapshotOf()), wholeSince };
    await writeAt(large(), Buffer.alloc(4096), megabyte);
    const before = await stateOf(live);
    await damageKeepingTime(join(source.folder, source.mount.path, 'large'), 2 * megabyte);
    await expect(putBack(source, target())).rejects.toMatchObject({
      code: 'verify-failed',
      message: expect.stringMatching(/large: its content is not what the index says/),
    });
    expect(await stateOf(live)).toEqual(before);
  });
});

describe('what a snapshot that was just made knows of the target', { timeout: 60_000 }, () => {
  it('gives the same as reading it', async () => {
    for (const name of ['same', 'damaged', 'owned', 'younger'])
      await writeFile(join(live, name), noise(20_000));
    const before = await stateOf(live);
    const source = await snapshotOf();
    // A restore before: other inodes, the same content.
    for (const name of ['same', 'damaged', 'owned', 'younger']) {
      await must(['cp', '-p', name, 'new'], live);
      await rename(join(live, 'new'), join(live, name));
    }
    const { atime, mtime } = await stat(join(live, 'damaged'));
    await writeAt(join(live, 'damaged'), Buffer.alloc(4096), 4096);
    await must(['touch', '-r', join(source.folder, source.mount.path, 'damaged'), join(live, 'damaged')]);
    await must(['chmod', '0600', join(live, 'owned')]);
    const known = await snapshotOf('known');
    await writeAt(join(live, 'younger'), Buffer.alloc(4096), 4096);
    await utimes(join(live, 'younger'), atime, mtime);
    await must(['touch', '-r', join(source.folder, source.mount.path, 'younger'), join(live, 'younger')]);
    const result = await putBack(source, target(), { known });
    expect(result).toMatchObject({ created: 0, removed: 0, replaced: 2 });
    expect(await stateOf(live)).toEqual(before);
  });
});
