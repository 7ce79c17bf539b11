import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Capture } from '../../../src/copy/changes/capture.ts';
import type { RecordEntry } from '../../../src/snapshot/entries/records.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const fileAt = (path: string): RecordEntry => ({
  path: Buffer.from(path),
  type: 'file',
  ...{ mode: 0o644, uid: 0, gid: 0, size: 0, blocks: 0, mtimeNs: 0n, ctimeNs: 0n, inode: 1n, links: 1 },
});

/** Names of 200 bytes, a megabyte of them. */
const megabyte = Array.from({ length: 5_000 }, (_, at) => fileAt(`${'x'.repeat(190)}${at}`));

describe('what is captured of a tree of very many files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder('capture');
    await mkdir(join(folder, 'source'));
    await writeFile(join(folder, 'source', 'file'), '');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const capturing = (signal?: AbortSignal): Capture =>
    new Capture({
      source: join(folder, 'source'),
      into: join(folder, 'captured'),
      live: true,
      archiveOnly: true,
      ...(signal && { signal }),
    });

  it('has whoever finds the names wait for tar, instead of keeping them', async () => {
    const capture = capturing();
    const batches = Array.from({ length: 20 }, () => capture.add(megabyte));
    const added = Promise.all(batches).then(() => 'room' as const);
    // Within one turn of the event loop a pipe takes some of them at most, however fast tar is.
    expect(await Promise.race([added, setImmediate('full' as const)])).toBe('full');
    expect(await added).toBe('room');
    expect(await capture.finish()).toMatchObject({ entries: 20 * megabyte.length, torn: true });
  });

  it('keeps nobody waiting for a tar that has ended', async () => {
    const ended = new AbortController();
    const capture = capturing(ended.signal);
    const added = [capture.add(megabyte), capture.add(megabyte)];
    ended.abort();
    await Promise.all(added);
    await capture.add(megabyte);
    await expect(capture.finish()).rejects.toMatchObject({ code: 'interrupted' });
  });
});
