import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { putBack } from '../../../../src/copy/back/back.ts';
import { copyTree } from '../../../../src/copy/tree.ts';
import type { ManifestMount } from '../../../../src/snapshot/types.ts';
import { completeSnapshot, mountOf, volumeTask } from '../../../support/made-snapshot.ts';
import { everything, links } from '../../../support/nights.ts';
import { makeOddTree, must } from '../../../support/odd-tree.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

let folder: string;
let target: string;
beforeEach(async () => {
  folder = await temporaryFolder('back-trouble');
  target = join(folder, 'target');
  await mkdir(target);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const stateOf = async (root: string) => ({ ...(await everything(root)), links: await links(root) });

const snapshotOf = async (live: string): Promise<{ folder: string; mount: ManifestMount }> => {
  const snapshot = join(folder, 'snapshot');
  await mkdir(snapshot);
  const copied = await copyTree(volumeTask('data', live), snapshot, { bytes: 0, quiet: true });
  const [result] = await completeSnapshot(snapshot, [copied]);
  return { folder: snapshot, mount: mountOf(result as NonNullable<typeof result>) };
};

const left = (): readonly string[] =>
  [...readdirSync(folder), ...readdirSync(target)].filter((name) => name.startsWith('.stack-backup-'));

describe('putting back', { timeout: 90_000 }, () => {
  it('goes on after a disk that was full, which it names', async () => {
    const live = join(folder, 'live');
    await mkdir(join(live, 'deep'), { recursive: true });
    for (const name of ['a', 'deep/b', 'deep/c'])
      await writeFile(join(live, name), Buffer.alloc(900_000, name));
    const source = await snapshotOf(live);
    // A file system of its own: its working folder has to be inside.
    await must(['mount', '-t', 'tmpfs', '-o', 'size=2m', 'none', target]);
    try {
      await writeFile(join(target, 'stale'), 'stale');
      await expect(putBack(source, { kind: 'host', path: target })).rejects.toMatchObject({
        code: 'copy-failed',
        message: expect.stringMatching(/No space left/),
        next: expect.stringMatching(/Free space/),
      });
      expect(left()).toEqual([]);
      await must(['mount', '-o', 'remount,size=20m', target]);
      await putBack(source, { kind: 'host', path: target });
      expect(await stateOf(target)).toEqual(await stateOf(live));
    } finally {
      await must(['umount', target]);
    }
  });

  it('is finished by the next one when it was killed, and leaves nothing beside', async () => {
    const live = join(folder, 'live');
    await makeOddTree(live);
    const before = await stateOf(live);
    const source = await snapshotOf(live);
    await writeFile(join(target, 'stale'), 'stale');
    const script = `
      import { putBack } from ${JSON.stringify(resolve('src/copy/back/back.ts'))};
      const { source, target, options } = JSON.parse(process.env.WORK);
      await putBack(source, target, options);`;
    const work = { source, target: { kind: 'host', path: target }, options: { devices: true } };
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: 'ignore',
      env: { ...process.env, WORK: JSON.stringify(work) },
    });
    const ended = once(child, 'exit');
    while (left().length === 0 && child.exitCode === null) await new Promise(setImmediate);
    child.kill('SIGKILL');
    await ended;
    expect(child.signalCode).toBe('SIGKILL');
    await putBack(source, { kind: 'host', path: target }, { devices: true });
    expect(await stateOf(target)).toEqual(before);
    expect(left()).toEqual([]);
  });

  it('stops when it is interrupted, and leaves nothing beside', async () => {
    const live = join(folder, 'live');
    await mkdir(live);
    await writeFile(join(live, 'a'), 'a');
    const source = await snapshotOf(live);
    const over = new AbortController();
    const options = { signal: over.signal, onChange: () => over.abort() };
    await expect(putBack(source, { kind: 'host', path: target }, options)).rejects.toMatchObject({
      code: 'interrupted',
    });
    expect(left()).toEqual([]);
  });
});
