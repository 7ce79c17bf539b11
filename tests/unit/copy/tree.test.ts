import {
  appendFile,
  chmod,
  lstat,
  mkdir,
  readdir,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { finishCopy } from '../../../src/copy/finish.ts';
import { copyTree } from '../../../src/copy/tree.ts';
import { measure, walk } from '../../../src/copy/walk.ts';
import { ChecksumWriter } from '../../../src/snapshot/checksums.ts';
import { comparePaths, type RecordEntry } from '../../../src/snapshot/entries/records.ts';
import { FileHasher } from '../../../src/snapshot/hashing.ts';
import { readIndex } from '../../../src/snapshot/index-file.ts';
import { workPath } from '../../../src/snapshot/layout.ts';
import { attributes } from '../../support/compare.ts';
import { bindTask, volumeTask } from '../../support/made-snapshot.ts';
import { makeOddTree, must } from '../../support/odd-tree.ts';
import { collect, temporaryFolder } from '../../support/temporary.ts';

let folder = '';
let source = '';
let snapshot = '';
beforeEach(async () => {
  folder = await temporaryFolder('tree');
  source = join(folder, 'source');
  snapshot = join(folder, 'snapshot');
  await mkdir(source);
  await mkdir(snapshot);
});
afterEach(() => removeTree(folder));

/** What a copy has to keep of an entry. */
const kept = ({ path, type, mode, uid, gid, size, mtimeNs, links, target }: RecordEntry) => ({
  path: path.toString('latin1'),
  type,
  mode,
  uid,
  gid,
  size: type === 'dir' ? 0 : size,
  mtimeNs,
  links: type === 'dir' ? 0 : links,
  target: target?.toString('latin1'),
});

const facts = async (root: string) =>
  (await collect(walk(root))).toSorted((a, b) => comparePaths(a.path, b.path)).map(kept);

const finish = async (copied: Awaited<ReturnType<typeof copyTree>>, live = false) => {
  await using sums = await ChecksumWriter.create(join(snapshot, 'SHA256SUMS'));
  await using hasher = new FileHasher(snapshot);
  const result = await finishCopy(copied, { snapshot, sums, hasher, live });
  await sums.finish();
  return result;
};

describe('copyTree', () => {
  it('keeps owners, modes, ns times, links, fifos, sockets, devices, names, xattrs and ACLs', async () => {
    await makeOddTree(source);
    const task = volumeTask('odd', source);
    await copyTree(task, snapshot, { bytes: (await measure(source)).bytes });
    expect(await facts(join(snapshot, task.path))).toEqual(await facts(source));
    const found = await attributes(source);
    for (const name of ['user.colour="blue"', 'trusted.note', 'system.posix_acl_default'])
      expect(found.join('\n')).toContain(name);
    expect(await attributes(join(snapshot, task.path))).toEqual(found);
  });

  it('keeps holes and hard links', async () => {
    await makeOddTree(source);
    const task = volumeTask('odd', source);
    await copyTree(task, snapshot, { bytes: 0 });
    const copy = join(snapshot, task.path);
    expect((await stat(join(copy, 'sparse'))).blocks * 512).toBeLessThan(1024 * 1024);
    const inodes = ['hard-link', 'deep/another', 'deep/er/est/file'].map(
      async (name) => (await lstat(join(copy, name))).ino,
    );
    expect(new Set(await Promise.all(inodes)).size).toBe(1);
  });

  it('copies a bind of a single file, and one whose path is a link', async () => {
    const file = join(source, 'app.conf');
    await writeFile(file, 'a = 1\n', { mode: 0o640 });
    const task = bindTask(file);
    await copyTree(task, snapshot, { bytes: 6 });
    expect(await facts(join(snapshot, task.path))).toEqual(await facts(file));
    await symlink(source, join(folder, 'link'));
    const linked = bindTask(join(folder, 'link'));
    await copyTree(linked, snapshot, { bytes: 6 });
    expect(await facts(join(snapshot, linked.path))).toEqual(await facts(source));
  });

  it('tells progress that never goes back nor beyond, and ends at the whole', async () => {
    for (let n = 0; n < 8; n++) await must(['truncate', '-s', '1G', `hole-${n}`], source);
    for (let n = 0; n < 4; n++)
      await must(['dd', 'if=/dev/urandom', `of=data-${n}`, 'bs=1M', 'count=24', 'status=none'], source);
    const { bytes } = await measure(source);
    const told: number[] = [];
    await copyTree(volumeTask('v', source), snapshot, { bytes, onProgress: (done) => told.push(done) });
    expect(told.at(-1)).toBe(bytes);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
  });

  it('fails, naming it, when the source is gone', async () => {
    await expect(copyTree(volumeTask('v', join(folder, 'no')), snapshot, { bytes: 0 })).rejects.toMatchObject(
      {
        code: 'copy-failed',
        message: expect.stringContaining(join(folder, 'no')),
      },
    );
  });

  it('fails rather than mix with what is there', async () => {
    await mkdir(join(snapshot, 'volumes/v'), { recursive: true });
    await expect(copyTree(volumeTask('v', source), snapshot, { bytes: 0 })).rejects.toMatchObject({
      code: 'copy-failed',
    });
    expect(await readdir(join(snapshot, 'volumes/v'))).toEqual([]);
  });

  it('fails on a file system that is full', async () => {
    await must(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', snapshot]);
    try {
      await must(['dd', 'if=/dev/urandom', 'of=big', 'bs=1M', 'count=3', 'status=none'], source);
      await expect(copyTree(volumeTask('v', source), snapshot, { bytes: 0 })).rejects.toMatchObject({
        code: 'copy-failed',
        message: expect.stringContaining('No space left'),
      });
    } finally {
      await must(['umount', snapshot]);
    }
  });

  it('fails when extended attributes cannot be kept, instead of losing them quietly', async () => {
    await writeFile(join(source, 'file'), 'x');
    await must(['setfattr', '-n', 'user.note', '-v', 'keep me', 'file'], source);
    await must(['mount', '-t', 'ramfs', 'ramfs', snapshot]);
    try {
      await expect(copyTree(volumeTask('v', source), snapshot, { bytes: 0 })).rejects.toMatchObject({
        code: 'copy-failed',
        message: expect.stringContaining('file'),
      });
    } finally {
      await must(['umount', snapshot]);
    }
  });

  it('ends at once when it is interrupted', async () => {
    await writeFile(join(source, 'file'), 'x');
    await expect(
      copyTree(volumeTask('v', source), snapshot, { bytes: 0, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'interrupted' });
  });
});

describe('finishCopy of a tree', () => {
  it('indexes every entry with its hash, and the source’s inode and change time', async () => {
    await makeOddTree(source);
    const task = volumeTask('odd', source);
    const result = await finish(await copyTree(task, snapshot, { bytes: 0 }));
    const { entries, files, bytes } = await measure(source);
    expect(result).toMatchObject({
      entries,
      files,
      bytes,
      lost: [],
      warnings: [],
      index: 'index/odd.ndjson.zst',
    });
    const indexed = await collect(readIndex(join(snapshot, result.index)));
    const walked = (await collect(walk(source))).toSorted((a, b) => comparePaths(a.path, b.path));
    // A folder's own size is its file system's business; blocks are not kept.
    const plain = (entry: RecordEntry) => ({
      ...entry,
      size: entry.type === 'dir' ? 0 : entry.size,
      blocks: 0,
    });
    expect(indexed.map(({ sha256: _, ...entry }) => plain(entry))).toEqual(walked.map(plain));
    for (const entry of indexed) expect(entry.sha256 !== undefined).toBe(entry.type === 'file');
    await must(['sha256sum', '--check', '--strict', '--quiet', 'SHA256SUMS'], snapshot);
    expect((await readdir(snapshot)).toSorted()).toEqual(['.work', 'SHA256SUMS', 'index', 'volumes']);
    expect(await readdir(workPath(snapshot))).toEqual([]);
  });

  it('keeps the index readable with standard tools', async () => {
    await writeFile(join(source, 'a'), 'hello');
    await finish(await copyTree(volumeTask('v', source), snapshot, { bytes: 0 }));
    const lines = (await must(['zstd', '-dc', 'index/v.ndjson.zst'], snapshot)).toString().trim().split('\n');
    const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ path: 'a', type: 'file', mode: '0644', size: 5, links: 1, sha256 }),
    );
  });

  const damages: Readonly<Record<string, (copy: string) => Promise<unknown>>> = {
    'a file is shorter': (copy) => truncate(join(copy, 'a'), 2),
    'a file is missing': (copy) => removeTree(join(copy, 'a')),
    'there is one more': (copy) => writeFile(join(copy, 'b'), ''),
    'a mode differs': (copy) => chmod(join(copy, 'a'), 0o600),
    'an owner differs': (copy) => must(['chown', '77', 'a'], copy),
    'a time differs': (copy) => utimes(join(copy, 'a'), 1, 1),
    'a file became a folder': async (copy) => {
      await removeTree(join(copy, 'a'));
      await mkdir(join(copy, 'a'));
    },
    'a link leads elsewhere': (copy) => must(['ln', '-sfn', 'elsewhere', 'link'], copy),
  };
  for (const [name, damage] of Object.entries(damages)) {
    it(`refuses the copy when ${name}`, async () => {
      await writeFile(join(source, 'a'), 'content');
      await symlink('a', join(source, 'link'));
      const task = volumeTask('v', source);
      const copied = await copyTree(task, snapshot, { bytes: 0 });
      const copy = join(snapshot, task.path);
      const times = await stat(copy);
      await damage(copy);
      await utimes(copy, times.atime, times.mtime);
      await must(['touch', '-r', source, copy]);
      await expect(finish(copied)).rejects.toMatchObject({ code: 'copy-failed' });
    });
  }

  it('only warns about differences where somebody kept writing', async () => {
    await writeFile(join(source, 'a'), 'content');
    const task = volumeTask('v', source);
    const copied = await copyTree(task, snapshot, { bytes: 0 });
    await appendFile(join(snapshot, task.path, 'a'), ' and more');
    const result = await finish(copied, true);
    expect(result.warnings).toMatchObject([{ code: 'changed-during-copy', about: 'v' }]);
    expect(result.bytes).toBe(16);
    await must(['sha256sum', '--check', '--strict', '--quiet', 'SHA256SUMS'], snapshot);
  });
});
