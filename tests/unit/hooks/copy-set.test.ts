import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { copySet } from '../../../src/hooks/sqlite/copy-set.ts';
import { temporaryFolder } from '../../support/temporary.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder('copy-set');
});
afterEach(() => removeTree(folder));

const { signal } = new AbortController();

describe('a copy of a database', () => {
  it('has the log and the journal that there are', async () => {
    for (const end of ['', '-wal']) await writeFile(join(folder, `a${end}`), `a${end}`);
    await copySet(join(folder, 'a'), join(folder, 'b'), signal);
    expect(await readFile(join(folder, 'b-wal'), 'utf8')).toBe('a-wal');
    await expect(readFile(join(folder, 'b-journal'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('fails when its log cannot be copied: without it, it would be another database', async () => {
    for (const end of ['', '-wal']) await writeFile(join(folder, `a${end}`), `a${end}`);
    await symlink('nowhere', join(folder, 'b-wal')); // cp refuses to write there
    await expect(copySet(join(folder, 'a'), join(folder, 'b'), signal)).rejects.toMatchObject({
      code: 'copy-failed',
    });
  });
});
