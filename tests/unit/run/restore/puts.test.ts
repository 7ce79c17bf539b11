import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunContext } from '../../../../src/run/context.ts';
import { putAll } from '../../../../src/run/restore/data/puts.ts';
import { readManifest } from '../../../../src/snapshot/manifest.ts';
import type { ManifestMount } from '../../../../src/snapshot/types.ts';
import { bindTask, makeSnapshot } from '../../../support/made-snapshot.ts';
import { must } from '../../../support/odd-tree.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

/** Nothing here goes through an engine. */
const context = {
  clock: { tick: () => 0, now: () => new Date(0) },
  emit: () => undefined,
  signal: new AbortController().signal,
} as unknown as RunContext;

describe('a bind that is gone', () => {
  let folder: string;
  let live: string;
  let snapshot: string;
  let mounts: readonly ManifestMount[];

  beforeEach(async () => {
    folder = await temporaryFolder('puts');
    [live, snapshot] = [join(folder, 'live'), join(folder, 'shop-20261121-031500')];
    await mkdir(join(live, 'data'), { recursive: true });
    await writeFile(join(live, 'data/x'), 'x');
    await writeFile(join(live, 'one.conf'), 'content', { mode: 0o640 });
    await mkdir(snapshot);
    await makeSnapshot(snapshot, [bindTask(join(live, 'data')), bindTask(join(live, 'one.conf'))]);
    mounts = (await readManifest(snapshot)).mounts;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const putBackAll = (all: readonly ManifestMount[]): Promise<void> =>
    putAll(context, {
      run: 'run',
      folder: snapshot,
      devices: false,
      puts: all.map((mount) => {
        const { name } = mount;
        return {
          mount,
          to: { mount: name, kind: 'bind', name, source: name, method: 'host', created: true },
        };
      }),
    });

  const isBack = async (): Promise<void> => {
    expect(await readFile(join(live, 'data/x'), 'utf8')).toBe('x');
    expect(await readFile(join(live, 'one.conf'), 'utf8')).toBe('content');
    expect((await stat(join(live, 'one.conf'))).mode & 0o777).toBe(0o640);
  };

  it('comes back as what it was, a folder or a file, and the folder above it as well', async () => {
    await rm(live, { recursive: true });
    await putBackAll(mounts);
    await isBack();
    // Killed and begun again: what is there already is in nobody's way.
    await putBackAll(mounts);
    await isBack();
  });

  it('comes back out of archives, too', async () => {
    const archived: ManifestMount[] = [];
    for (const mount of mounts) {
      const path = `binds/${basename(mount.name)}.tar.zst`;
      await must(['tar', '--format=posix', '-cf', 'one.tar', basename(mount.name)], live);
      await must(['zstd', '-q', '--rm', 'one.tar', '-o', join(snapshot, path)], live);
      archived.push({ ...mount, form: 'archive', path });
    }
    await rm(live, { recursive: true });
    await putBackAll(archived);
    await isBack();
  });
});
