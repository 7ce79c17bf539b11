import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../../src/base/disk.ts';
import { removeFile } from '../../../../src/drill/data/databases.ts';
import type { LoadSource } from '../../../../src/hooks/load/types.ts';
import { bind, stackContainer } from '../../../support/hooks.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

describe('a database file that makes room for its dump', () => {
  let folder: string;
  let volume: string;
  beforeEach(async () => {
    folder = await temporaryFolder('drilled-database');
    volume = join(folder, 'volume');
    await mkdir(volume);
  });
  afterEach(() => removeTree(folder));

  const remove = (database: string): Promise<void> => {
    const { details } = stackContainer('app', { mounts: [bind(volume, '/data')] });
    return removeFile({ dump: { database } } as LoadSource, details);
  };

  it('goes, with what lies beside it', async () => {
    for (const name of ['app.db', 'app.db-wal', 'app.db-shm', 'other'])
      await writeFile(join(volume, name), name);
    await remove('/data/app.db');
    await remove('/data/app.db'); // nothing there is as good
    await expect(readFile(join(volume, 'app.db'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(readFile(join(volume, 'app.db-wal'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readFile(join(volume, 'other'), 'utf8')).toBe('other');
  });

  it.each([
    ['behind a link to a folder outside', '/data/out/home'],
    ['that is a link to a file outside', '/data/linked'],
    ['in a folder outside, by its name', '/data/../outside/home/file'],
    ['that is a folder', '/data/folder'],
  ])('is never one %s', async (_, database) => {
    const outside = join(folder, 'outside');
    await mkdir(join(outside, 'home'), { recursive: true });
    await mkdir(join(volume, 'folder'));
    for (const kept of [join(outside, 'home/file'), join(volume, 'folder/file')])
      await writeFile(kept, 'kept');
    await symlink(outside, join(volume, 'out'));
    await symlink(join(outside, 'home/file'), join(volume, 'linked'));
    await expect(remove(database)).rejects.toMatchObject({ code: 'hook-failed' });
    for (const kept of [join(outside, 'home/file'), join(volume, 'folder/file')])
      expect(await readFile(kept, 'utf8')).toBe('kept');
  });
});
