import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { undoOf } from '../../../../src/commands/restore/undo.ts';
import { historyPath } from '../../../../src/snapshot/layout.ts';
import { instanceWith } from '../../../support/stack-builder.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const line = (restore: object, over: object = {}): string =>
  JSON.stringify({
    version: 1,
    kind: 'restore',
    instance: 'shop',
    restore: { from: 'shop-1', data: 'restored', mounts: ['shop_db'], created: [], ...restore },
    ...over,
  });

describe('what an undo puts back', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder('undo');
    await mkdir(join(folder, '.stack-backup'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const undo = async (...lines: readonly string[]) => {
    await writeFile(historyPath(folder), `${lines.join('\n')}\n`);
    return await undoOf(instanceWith({ backups: folder }));
  };

  it('is nothing where nothing was restored, or only tried, or of another instance', async () => {
    for (const lines of [
      [],
      [line({ data: 'rolled-back', safety: 'shop-2' })],
      [line({ safety: 'shop-2' }, { instance: 'other' })],
      [JSON.stringify({ version: 1, instance: 'shop' })],
    ])
      await expect(undo(...lines)).rejects.toThrow(/no restore of shop to be undone/);
  });

  it('is not what an earlier restore had overwritten when the last one kept nothing', async () => {
    await expect(undo(line({ safety: 'shop-2' }), line({}))).rejects.toThrow(/kept nothing/);
  });

  it('is the safety snapshot of the last restore, whatever was tried since', async () => {
    const found = undo(line({ safety: 'shop-2' }), line({ data: 'untouched' }));
    await expect(found).rejects.toThrow(/shop-2 holds no manifest/);
  });
});
