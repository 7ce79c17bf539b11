import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../src/base/disk.ts';
import { copyThroughEngine } from '../../src/copy/archive/archive.ts';
import { readers } from '../../src/copy/readers.ts';
import type { CopyResult, CopyTask } from '../../src/copy/types.ts';
import { walk } from '../../src/copy/walk.ts';
import { connectEngine } from '../../src/docker/dockerode.ts';
import type { Engine } from '../../src/docker/engine.ts';
import { comparePaths, type RecordEntry } from '../../src/snapshot/entries/records.ts';
import { readIndex } from '../../src/snapshot/index-file.ts';
import { bindPath, volumePath } from '../../src/snapshot/layout.ts';
import { verifySnapshot } from '../../src/snapshot/verify.ts';
import { docker, randomName } from '../support/containers.ts';
import { completeSnapshot } from '../support/made-snapshot.ts';
import { makeOddTree, must } from '../support/odd-tree.ts';
import { collect, temporaryFolder } from '../support/temporary.ts';

let engine: Engine;
let folder = '';
let volume = '';
let mountpoint = '';
const run = randomName('run');
let holder = '';
beforeAll(async () => {
  engine = await connectEngine();
  folder = await temporaryFolder('archive-copy');
  volume = randomName('volume');
  await docker('volume', 'create', '--label', 'io.stack-backup.test=1', volume);
  mountpoint = (await engine.volume(volume))?.mountpoint ?? '';
  await makeOddTree(mountpoint);
  await must(['dd', 'if=/dev/zero', `of=${folder}/file`, 'bs=1M', 'count=3', 'status=none']);
  holder = await engine.createHolder({
    run,
    mounts: [
      { kind: 'volume', source: volume, target: '/data/0', readOnly: true },
      { kind: 'bind', source: join(folder, 'file'), target: '/data/1', readOnly: true },
    ],
  });
});
afterAll(async () => {
  await engine.removeHolders(run);
  await docker('volume', 'rm', volume);
  await removeTree(folder);
});

const task = (kind: CopyTask['kind'], name: string): CopyTask => ({
  kind,
  name,
  source: name,
  path: `${kind === 'volume' ? volumePath(name) : bindPath(name)}.tar.zst`,
  method: 'api',
});

const snapshotOf = async (name: string, one: CopyTask, target: string): Promise<[string, CopyResult]> => {
  const snapshot = join(folder, name);
  await mkdir(snapshot);
  const copied = await copyThroughEngine(one, snapshot, { engine, holder, target });
  const [result] = await completeSnapshot(snapshot, [copied]);
  return [snapshot, result as CopyResult];
};

/** What the archive API keeps: times to the second; a hard link is a name without content of its own. */
const kept = (entry: RecordEntry) => ({
  path: entry.path.toString('latin1'),
  type: entry.type,
  mode: entry.mode,
  owner: [entry.uid, entry.gid],
  seconds: entry.mtimeNs / 1_000_000_000n,
});

describe('a copy through the archive API of a real engine', () => {
  it('has every entry of the volume but sockets, with the content of each file', async () => {
    const [snapshot, result] = await snapshotOf('volume', task('volume', volume), '/data/0');
    const indexed = await collect(readIndex(join(snapshot, result.index)));
    const present = (await collect(walk(mountpoint))).filter(
      // Before 1970 the engine's times are not kept either; they stand under `ns-times`.
      (entry) => entry.type !== 'socket' && entry.mtimeNs >= 0n,
    );
    const early = (entry: RecordEntry): boolean => entry.path.equals(Buffer.from('deep-er'));
    expect(indexed.filter((entry) => !early(entry)).map(kept)).toEqual(
      present.toSorted((a, b) => comparePaths(a.path, b.path)).map(kept),
    );
    expect(indexed.some(early)).toBe(true);
    for (const entry of indexed.filter(({ sha256 }) => sha256 !== undefined)) {
      const path = entry.path.toString('utf8');
      if (!Buffer.from(path).equals(entry.path) || /[\\\r\n]/.test(path)) continue;
      const sum = (await must(['sha256sum', '--', path], mountpoint)).toString('utf8');
      expect([path, sum.slice(0, 64)]).toEqual([path, entry.sha256]);
    }
    expect(result.lost).toContain('xattrs');
    expect(await verifySnapshot(snapshot, { readers })).toMatchObject({ ok: true, problems: [] });
    await must(['sha256sum', '--check', '--strict', '--quiet', 'SHA256SUMS'], snapshot);
  });

  it('takes a bind of one file too', async () => {
    const [snapshot, result] = await snapshotOf('bind', task('bind', '/srv/one file'), '/data/1');
    expect(await collect(readIndex(join(snapshot, result.index)))).toMatchObject([
      { path: Buffer.alloc(0), type: 'file', size: 3 * 1024 * 1024 },
    ]);
    expect(await verifySnapshot(snapshot, { readers })).toMatchObject({ ok: true, problems: [] });
  });

  it('fails when the path is not there', async () => {
    const snapshot = join(folder, 'missing');
    await mkdir(snapshot);
    await expect(
      copyThroughEngine(task('volume', volume), snapshot, { engine, holder, target: '/data/7' }),
    ).rejects.toMatchObject({ name: 'StackBackupError' });
  });
});
