import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { landmarksOf } from '../../../../src/drill/data/landmarks.ts';
import { putFileBack } from '../../../../src/drill/data/single.ts';
import { readManifest } from '../../../../src/snapshot/manifest.ts';
import type { ManifestMount } from '../../../../src/snapshot/types.ts';
import { bindTask, makeSnapshot, volumeTask } from '../../../support/made-snapshot.ts';
import { must } from '../../../support/odd-tree.ts';

const signal = new AbortController().signal;

describe('a copy of a single file', () => {
  let folder: string;
  let snapshot: string;
  let mounts: readonly ManifestMount[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stack-backup-single-'));
    snapshot = join(folder, 'shop-20261121-031500');
    await mkdir(join(folder, 'db/data'), { recursive: true });
    await writeFile(join(folder, 'db/data/PG_VERSION'), '15\n');
    await writeFile(join(folder, 'one.conf'), 'content', { mode: 0o640 });
    await mkdir(snapshot);
    await makeSnapshot(snapshot, [volumeTask('db', join(folder, 'db')), bindTask(join(folder, 'one.conf'))]);
    mounts = (await readManifest(snapshot)).mounts;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const single = (): ManifestMount => mounts[1] as ManifestMount;

  it('is told from a folder, and a server from other folders, by the index alone', async () => {
    const found = await Promise.all(mounts.map((mount) => landmarksOf(snapshot, mount)));
    expect(found).toEqual([
      { isSingle: false, holdsPostgres: true },
      { isSingle: true, holdsPostgres: false },
    ]);
  });

  it('is put back with its content and mode', async () => {
    const to = join(folder, 'back');
    await putFileBack(snapshot, single(), to, signal);
    expect(await readFile(to, 'utf8')).toBe('content');
    expect((await stat(to)).mode & 0o777).toBe(0o640);
  });

  it('comes out of an archive, too', async () => {
    await must(['tar', '-cf', 'one.tar', 'one.conf'], folder);
    await must(['zstd', '-q', 'one.tar', '-o', join(snapshot, 'binds/one.tar.zst')], folder);
    const archived = { ...single(), form: 'archive', path: 'binds/one.tar.zst' } as const;
    const to = join(folder, 'back');
    await putFileBack(snapshot, archived, to, signal);
    expect(await readFile(to, 'utf8')).toBe('content');
    expect((await stat(to)).mode & 0o777).toBe(0o640);
  });

  it('is refused when its content is not that of the index, or it is a link', async () => {
    const path = join(snapshot, single().path);
    await writeFile(path, 'CONTENT');
    await expect(putFileBack(snapshot, single(), join(folder, 'a'), signal)).rejects.toMatchObject({
      code: 'verify-failed',
    });
    await rm(path);
    await symlink('/etc/hostname', path);
    await expect(putFileBack(snapshot, single(), join(folder, 'b'), signal)).rejects.toMatchObject({
      code: 'verify-failed',
    });
  });
});
