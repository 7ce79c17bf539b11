import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { flushedBeforeTheStop } from '../../../src/copy/warm/flush.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { until } from '../../support/until.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder('flush');
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const { signal } = new AbortController();

describe('copying that is flushed meanwhile', () => {
  it('gives what the copying gives', async () => {
    const copying = async () => {
      await writeFile(join(folder, 'copy'), 'bytes');
      return 'done';
    };
    expect(await flushedBeforeTheStop(folder, signal, copying)).toBe('done');
  });

  it('flushes once more what was copied during a flush', async () => {
    const [log, hold] = [join(folder, 'log'), join(folder, 'hold')];
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await writeFile(hold, '');
    // In the place of sync(1): each call leaves a line, and takes as long as it is held.
    const script = `#!/bin/sh\necho flush >>'${log}'\nwhile [ -e '${hold}' ]; do sleep 0.02; done\n`;
    await writeFile(join(bin, 'sync'), script, { mode: 0o755 });
    const path = process.env.PATH;
    process.env.PATH = `${bin}:${path}`;
    const flushes = async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').length - 1;
    try {
      await flushedBeforeTheStop(folder, signal, async () => {
        await until('a flush is under way', async () => (await flushes()) === 1);
        // The copying ends while it is; it ends later.
        void setTimeout(200).then(() => rm(hold));
      });
    } finally {
      process.env.PATH = path;
    }
    expect(await flushes()).toBe(2);
  });

  it('fails as the copying fails', async () => {
    const reason = new Error('no space');
    await expect(flushedBeforeTheStop(folder, signal, () => Promise.reject(reason))).rejects.toBe(reason);
  });

  it('fails when the disk does not take it, before anything is stopped', async () => {
    const gone = join(folder, 'gone');
    await expect(flushedBeforeTheStop(gone, signal, () => Promise.resolve())).rejects.toMatchObject({
      code: 'backups-unusable',
    });
  });

  it('ends when it is interrupted', async () => {
    const interrupted = AbortSignal.abort(new Error('enough'));
    await expect(flushedBeforeTheStop(folder, interrupted, () => Promise.resolve())).rejects.toMatchObject({
      code: 'interrupted',
    });
  });
});
