import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  stat,
  statfs,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  atomicWrite,
  freeSpace,
  fsyncDirectory,
  isInside,
  makePrivateDirectory,
  removeTree,
  syncFileSystem,
} from '../../../src/base/disk.ts';
import { makeOddTree, must } from '../../support/odd-tree.ts';
import { temporaryFolder } from '../../support/temporary.ts';

let folder = '';
beforeEach(async () => {
  folder = await temporaryFolder('disk');
});
afterEach(() => removeTree(folder));

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o7777;

describe('atomicWrite', () => {
  it('replaces a file whole, with its mode whatever the umask is, and leaves nothing else', async () => {
    const path = join(folder, 'file');
    const umask = process.umask(0o077);
    try {
      await atomicWrite(path, 'one');
      expect(await modeOf(path)).toBe(0o600);
      await atomicWrite(path, Buffer.from([0xff, 0]), 0o644);
    } finally {
      process.umask(umask);
    }
    expect(await modeOf(path)).toBe(0o644);
    expect(await readFile(path)).toEqual(Buffer.from([0xff, 0]));
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('flushes the file before it has its name, and the folder when it has it', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'old');
    const handle = await open(path, 'r');
    const kind = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    const { sync } = kind;
    const flushed: string[] = [];
    kind.sync = async function (this: FileHandle) {
      const name = await readlink(`/proc/self/fd/${this.fd}`);
      const content = (await this.stat()).isFile() ? await readFile(name, 'utf8') : 'folder';
      flushed.push(`${content}, with ${await readFile(path, 'utf8')} under the name`);
      return sync.call(this);
    };
    try {
      await atomicWrite(path, 'new');
    } finally {
      kind.sync = sync;
    }
    expect(flushed).toEqual(['new, with old under the name', 'folder, with new under the name']);
  });

  it('leaves the old content and no debris when it fails', async () => {
    const path = join(folder, 'taken');
    await mkdir(join(path, 'inside'), { recursive: true });
    await expect(atomicWrite(path, 'x')).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['taken']);
    expect(await readdir(path)).toEqual(['inside']);
  });

  it('keeps the old file when the disk is full', async () => {
    const small = join(folder, 'small');
    await mkdir(small);
    await must(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]);
    try {
      await atomicWrite(join(small, 'file'), 'old');
      await expect(atomicWrite(join(small, 'file'), Buffer.alloc(200_000))).rejects.toMatchObject({
        code: 'ENOSPC',
      });
      expect(await readFile(join(small, 'file'), 'utf8')).toBe('old');
      expect(await readdir(small)).toEqual(['file']);
    } finally {
      await must(['umount', small]);
    }
  });
});

describe('folders', () => {
  it('are made for their owner alone, parents too, and one that is there keeps its mode', async () => {
    await makePrivateDirectory(join(folder, 'a/b'));
    expect([await modeOf(join(folder, 'a')), await modeOf(join(folder, 'a/b'))]).toEqual([0o700, 0o700]);
    await mkdir(join(folder, 'open'), { mode: 0o755 });
    await makePrivateDirectory(join(folder, 'open'));
    expect(await modeOf(join(folder, 'open'))).toBe(0o755);
  });

  it('are removed with names of any bytes, and links in them are not followed', async () => {
    await writeFile(join(folder, 'precious'), 'x');
    const tree = join(folder, '-tree');
    await makeOddTree(tree);
    await symlink(folder, join(tree, 'out'));
    await removeTree(tree);
    await removeTree(tree);
    expect(await readdir(folder)).toEqual(['precious']);
  });

  it('that cannot be removed are an error with a way out', async () => {
    await mkdir(join(folder, 'busy'));
    await must(['mount', '-t', 'tmpfs', 'tmpfs', join(folder, 'busy')]);
    try {
      await expect(removeTree(join(folder, 'busy'))).rejects.toMatchObject({
        code: 'backups-unusable',
        next: expect.stringContaining('by hand'),
      });
    } finally {
      await must(['umount', join(folder, 'busy')]);
    }
  });

  it('and file systems can be flushed', async () => {
    await fsyncDirectory(folder);
    await syncFileSystem(folder);
    await expect(syncFileSystem(join(folder, 'gone'))).rejects.toMatchObject({ code: 'backups-unusable' });
  });
});

describe('isInside', () => {
  it('goes by real paths, whether they exist or not', async () => {
    await mkdir(join(folder, 'data/sub'), { recursive: true });
    await mkdir(join(folder, 'data-2'));
    await symlink(join(folder, 'data'), join(folder, 'link'));
    const inside = (child: string, parent: string) => isInside(join(folder, child), join(folder, parent));
    expect(await inside('data/sub', 'data')).toBe(true);
    expect(await inside('data', 'data')).toBe(true);
    expect(await inside('link/sub/new/deep', 'data')).toBe(true);
    expect(await inside('data/sub', 'link')).toBe(true);
    expect(await inside('data-2', 'data')).toBe(false);
    expect(await inside('data', 'data/sub')).toBe(false);
    expect(await isInside(folder, '/')).toBe(true);
  });

  it('does not take a link to nowhere for a name that is free', async () => {
    await symlink(join(folder, 'nowhere'), join(folder, 'dangling'));
    await expect(isInside(join(folder, 'dangling/x'), folder)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('freeSpace', () => {
  it('is what statfs tells of the nearest folder that exists', async () => {
    const free = await freeSpace(join(folder, 'not/yet'));
    const fs = await statfs(folder);
    expect(Math.abs(free.bytes - fs.bavail * fs.bsize)).toBeLessThan(1e9);
    expect(free.inodes).toBeGreaterThan(0);
    expect(free.device).toBe((await stat(folder)).dev);
  });

  it('knows small file systems to the inode', async () => {
    const small = join(folder, 'small');
    await mkdir(small);
    await must(['mount', '-t', 'tmpfs', '-o', 'size=1m,nr_inodes=10', 'tmpfs', small]);
    try {
      await writeFile(join(small, 'file'), Buffer.alloc(4096));
      expect(await freeSpace(small)).toMatchObject({ bytes: 1024 * 1024 - 4096, inodes: 8 });
    } finally {
      await must(['umount', small]);
    }
  });
});
