import { appendFile, lstat, mkdir, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { graveComplaint, measure, recordWalk, walk } from '../../../src/copy/walk.ts';
import { ascending } from '../../../src/snapshot/entries/compare.ts';
import {
  comparePaths,
  type RecordEntry,
  readRecords,
  sortRecords,
} from '../../../src/snapshot/entries/records.ts';
import { below, makeOddTree, must, oddNames } from '../../support/odd-tree.ts';
import { collect, temporaryFolder } from '../../support/temporary.ts';

let folder = '';
let root = '';
beforeAll(async () => {
  folder = await temporaryFolder('walk');
  root = join(folder, 'tree');
  await makeOddTree(root);
});
afterAll(() => removeTree(folder));

const kind = (stats: {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
}) =>
  stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'dir'
      : stats.isSymbolicLink()
        ? 'symlink'
        : stats.isFIFO()
          ? 'fifo'
          : stats.isSocket()
            ? 'socket'
            : 'char';

describe('walk', () => {
  it('tells of every entry what lstat tells, names and targets in bytes', async () => {
    const entries = await collect(walk(root));
    expect(entries.map((entry) => entry.path.toString('latin1'))).toContain('');
    for (const entry of entries) {
      const path = below(root, entry.path);
      const stats = await lstat(entry.path.length === 0 ? root : path, { bigint: true });
      expect({ ...entry, path: '', target: entry.target?.toString('hex') }).toEqual({
        path: '',
        type: kind(stats),
        mode: Number(stats.mode & 0o7777n),
        uid: Number(stats.uid),
        gid: Number(stats.gid),
        size: Number(stats.size),
        blocks: Number(stats.blocks),
        mtimeNs: stats.mtimeNs,
        ctimeNs: stats.ctimeNs,
        inode: stats.ino,
        links: Number(stats.nlink),
        target: stats.isSymbolicLink() ? (await readlink(path, 'buffer')).toString('hex') : undefined,
      });
    }
  });

  it('finds each odd name once', async () => {
    const names = (await collect(walk(root))).map((entry) => entry.path.toString('hex'));
    expect(new Set(names).size).toBe(names.length);
    for (const name of oddNames) expect(names).toContain(name.toString('hex'));
  });

  it('reads a root that is one file, and one that begins with a dash', async () => {
    expect(await collect(walk(join(root, 'empty')))).toMatchObject([{ type: 'file', path: Buffer.alloc(0) }]);
    const before = process.cwd();
    process.chdir(root);
    try {
      expect(await collect(walk('-rf'))).toMatchObject([{ type: 'file', size: 10 }]);
    } finally {
      process.chdir(before);
    }
  });

  it('does not follow a root that is a link', async () => {
    expect(await collect(walk(join(root, 'link')))).toMatchObject([{ type: 'symlink' }]);
  });

  it('rejects naming what is not there', async () => {
    await expect(collect(walk(join(root, 'gone')))).rejects.toMatchObject({
      code: 'copy-failed',
      message: expect.stringContaining(join(root, 'gone')),
    });
  });

  it('ends its process when its reader stops early', async () => {
    for await (const _ of walk(root)) break;
    await expect(collect(walk(root, { signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'interrupted',
    });
  });
});

describe('recordWalk', () => {
  it('records, sorted, what a walk tells', async () => {
    const file = join(folder, 'records');
    await recordWalk(root, file);
    await sortRecords(file);
    const recorded = await collect(ascending(readRecords(file)));
    const walked = (await collect(walk(root))).toSorted((a, b) => comparePaths(a.path, b.path));
    expect(recorded).toEqual(walked);
  });

  it('rejects when the records cannot be written', async () => {
    await expect(recordWalk(root, '/dev/full')).rejects.toMatchObject({ code: 'copy-failed' });
    await expect(recordWalk(root, join(folder, 'no/such/folder'))).rejects.toMatchObject({
      code: 'copy-failed',
    });
  });

  it('is refused by its reader when it was cut short', async () => {
    const file = join(folder, 'cut');
    await recordWalk(root, file);
    await must(['truncate', '-s', '-3', file]);
    await expect(collect(readRecords(file))).rejects.toMatchObject({ code: 'copy-failed' });
    await rm(file);
    await writeFile(file, '');
    await appendFile(file, 'name//z 644 0 0 0 0 0.0 0.0 1 1/\0');
    await expect(collect(readRecords(file) as AsyncIterable<readonly RecordEntry[]>)).rejects.toMatchObject({
      code: 'copy-failed',
    });
  });
});

describe('measure', () => {
  it('counts what du and find count, hard-linked files once', async () => {
    const size = await measure(root);
    const found = (await must(['find', '.', '-mindepth', '1', '-printf', '%y'], root)).toString();
    expect(size.entries).toBe(found.length);
    expect(size.files).toBe([...found].filter((letter) => letter === 'f').length);
    expect(size.allocated).toBe(Number((await must(['du', '-s', '-B1', root])).toString().split('\t')[0]));
    const inodes = new Map(
      (await collect(walk(root))).filter((e) => e.type === 'file').map((e) => [e.inode, e.size]),
    );
    expect(size.bytes).toBe([...inodes.values()].reduce((sum, bytes) => sum + bytes, 0));
  });

  it('bears with files that come and go', async () => {
    const busy = join(folder, 'busy');
    await mkdir(busy);
    let stop = false;
    const churn = (async () => {
      for (let round = 0; !stop; round++) {
        await Promise.all(
          Array.from({ length: 50 }, (_, n) => writeFile(join(busy, `${round % 7}-${n}`), 'x')),
        );
        await Promise.all(
          Array.from({ length: 50 }, (_, n) => rm(join(busy, `${round % 7}-${n}`), { force: true })),
        );
      }
    })();
    try {
      for (let round = 0; round < 20; round++) expect((await measure(busy)).files).toBeLessThanOrEqual(50);
    } finally {
      stop = true;
      await churn;
    }
  });

  it('bears with folders that come and go', async () => {
    const busy = join(folder, 'busy-folders');
    await mkdir(busy);
    let stop = false;
    const churn = (async () => {
      while (!stop) {
        for (let n = 0; n < 40; n++) await mkdir(join(busy, `${n}`, 'inner'), { recursive: true });
        for (let n = 0; n < 40; n++) await rm(join(busy, `${n}`), { recursive: true });
      }
    })();
    try {
      for (let round = 0; round < 60; round++) expect((await measure(busy)).files).toBe(0);
    } finally {
      stop = true;
      await churn;
    }
  });

  it('rejects what is not there', async () => {
    await expect(measure(join(folder, 'gone'))).rejects.toMatchObject({ code: 'copy-failed' });
  });
});

describe('the complaints of a copy of what is in use', () => {
  const vanished = "cp: cannot stat 'a': No such file or directory\n";
  const said = (exitCode: number, stderr: string, live = true) =>
    graveComplaint({ exitCode, stderr, stdout: Buffer.alloc(0), cut: false }, live);

  it('are none where entries only went, and the copy came to its end', () => {
    expect(said(0, '')).toBeUndefined();
    expect(said(1, vanished)).toBeUndefined();
    expect(said(1, vanished, false)).toContain('No such file');
    expect(said(1, `${vanished}cp: error writing 'b': No space left on device\n`)).toContain('No space left');
  });

  it('are grave where a signal ended it, as the kernel does when memory is short', () => {
    expect(said(128, vanished)).toContain('ended by a signal');
    expect(said(128, '')).toContain('ended by a signal');
  });
});
