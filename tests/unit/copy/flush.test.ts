import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { flushedBeforeTheStop } from '../../../src/copy/warm/flush.ts';
import { temporaryFolder } from '../../support/temporary.ts';

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
