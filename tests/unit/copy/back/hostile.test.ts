import { createHash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import {
  link,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../../../src/base/process.ts';
import { planBack, putBack } from '../../../../src/copy/back/back.ts';
import { archiveEnd, memberHead } from '../../../../src/copy/back/place/headers.ts';
import { bareFile } from '../../../../src/snapshot/entries/bare.ts';
import type { ManifestMount } from '../../../../src/snapshot/types.ts';
import { exampleManifest } from '../../../support/made-snapshot.ts';
import { must } from '../../../support/odd-tree.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

let folder: string;
let snapshot: string;
let target: string;
let outside: string;

beforeEach(async () => {
  folder = await temporaryFolder('hostile');
  [snapshot, target, outside] = [join(folder, 'snapshot'), join(folder, 'target'), join(folder, 'outside')];
  for (const one of ['snapshot/volumes/v', 'snapshot/index', 'target', 'outside/inner'])
    await mkdir(join(folder, one), { recursive: true });
  await writeFile(join(outside, 'inner/precious'), 'precious');
  await must(['touch', '-d', '2001-01-01', 'inner/precious', 'inner', '.'], outside);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Line = Readonly<Record<string, unknown>>;

const mebibyte = 1024 * 1024;
const sha = (content: string): string => createHash('sha256').update(content).digest('hex');
const time = '1000000000000000000';
const line = (path: string, type: string, more: Line = {}): Line => ({
  ...{ path, type, mode: type === 'dir' ? '0755' : '0644', uid: 0, gid: 0, size: 0 },
  ...{ mtime: time, ctime: '0', inode: '0', links: 1 },
  ...more,
});
const root = line('', 'dir');
const dir = (path: string, more: Line = {}): Line => line(path, 'dir', more);
const file = (path: string, content: string, more: Line = {}): Line =>
  line(path, 'file', { size: content.length, sha256: sha(content), ...more });

const mountWith = (more: Partial<ManifestMount> = {}): ManifestMount => ({
  ...(exampleManifest().mounts[0] as ManifestMount),
  ...{ kind: 'volume', name: 'v', path: 'volumes/v', form: 'tree', method: 'host', entries: 100 },
  ...{ index: 'index/v.ndjson.zst', ...more },
});

/** Writes an index as it is given, and calls putBack. */
const back = async (
  lines: readonly Line[],
  more: Partial<ManifestMount> = {},
  options: Parameters<typeof putBack>[2] = {},
): Promise<unknown> => {
  const text = lines.map((one) => `${JSON.stringify(one)}\n`).join('');
  await writeFile(join(snapshot, 'index/v.ndjson.zst'), zstdCompressSync(text));
  return putBack({ folder: snapshot, mount: mountWith(more) }, { kind: 'host', path: target }, options);
};

const touched = async (path: string): Promise<string> => {
  await writeFile(path, '');
  return path;
};

/** A file, folder or link of the snapshot's tree, with the time that indexes here have. */
const saved = async (path: string, content: string | 'dir'): Promise<void> => {
  const at = join(snapshot, 'volumes/v', path);
  if (content === 'dir') await mkdir(at);
  else await writeFile(at, content);
  await must(['touch', '-h', '-d', '@1000000000', at]);
};

const outsideState = async (): Promise<string> =>
  (await must(['find', '.', '-printf', '%p %m %U %G %s %T@ %n\\n'], outside)).toString();

/** Nothing outside changed, nothing of ours is left, and the target has no name that leads out. */
const harmless = async (work: () => Promise<unknown>): Promise<unknown> => {
  const before = await outsideState();
  const thrown = await work().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(await outsideState()).toBe(before);
  expect((await must(['find', folder, '-name', '.stack-backup-*'])).toString()).toBe('');
  return thrown;
};

const refusedFor = async (work: () => Promise<unknown>, why: RegExp): Promise<void> => {
  const thrown = await harmless(work);
  expect(thrown).toMatchObject({ code: 'verify-failed', message: expect.stringMatching(why) });
  expect((await must(['find', target, '-mindepth', '1'])).toString()).toBe('');
};

describe('a hostile index', { timeout: 90_000 }, () => {
  it.each([
    ['a path that goes up', [root, file('../outside/x', 'x')], /is damaged/],
    ['a path that goes up within', [root, dir('a'), file('a/../../x', 'x')], /is damaged/],
    ['an absolute path', [root, file('/etc/x', 'x')], /is damaged/],
    ['an empty part', [root, dir('a'), file('a//x', 'x')], /is damaged/],
    ['a NUL', [root, file('a\0b', 'x')], /is damaged/],
    ['a dot', [root, file('./x', 'x')], /is damaged/],
    ['bytes that go up', [root, file('x', 'x', { path: { base64: 'Li4veA==' } })], /is damaged/],
    [
      'something below a link',
      [root, line('a', 'symlink', { target: '../outside' }), file('a/x', 'x')],
      /not a folder/,
    ],
    ['something below a file', [root, file('a', 'x'), file('a/x', 'x')], /not a folder/],
    ['something below nothing', [root, file('a/x', 'x')], /not a folder/],
    ['a path twice', [root, file('a', 'x'), file('a', 'y')], /twice/],
    ['paths out of order', [root, file('b', 'x'), file('a', 'y')], /out of order/],
    ['no root', [file('a', 'x')], /no folder and no file as its root/],
    ['a link as its root', [line('', 'symlink', { target: '/etc' })], /no folder and no file as its root/],
    ['a link without a text', [root, line('a', 'symlink')], /a link to nowhere/],
    ['a mode that is none', [root, file('a', 'x', { mode: '77777' })], /mode/],
    ['a file without a checksum', [root, line('a', 'file')], /no checksum/],
    ['a type that is none', [root, line('a', 'door')], /is damaged/],
    ['a number that is none', [root, file('a', 'x', { uid: -1 })], /is damaged/],
    ['a size beyond all numbers', [root, file('a', 'x', { size: 1e30 })], /is damaged/],
    ['a hard link to nothing', [root, line('a', 'file', { target: 'gone' })], /no checksum/],
    ['a hard link out', [root, line('a', 'file', { target: '../outside/inner/precious' })], /no checksum/],
    ['a hard link to itself', [root, line('a', 'file', { target: 'a' })], /no checksum/],
    ['a hard link to a folder', [root, dir('d'), line('e', 'file', { target: 'd' })], /no checksum/],
    ['a device', [root, line('a', 'char')], /device node/],
    ['a disk', [root, line('a', 'block')], /device node/],
  ])('with %s changes nothing', async (_, lines, why) => {
    await refusedFor(() => back(lines as readonly Line[]), why as RegExp);
  });

  it('with more entries than the manifest says is not read to its end', async () => {
    const many = Array.from({ length: 50 }, (_, place) => file(`f${String(place).padStart(3, '0')}`, 'x'));
    await refusedFor(() => back([root, ...many], { entries: 10 }), /more entries/);
  });

  it('with a line without an end does not fill the memory', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(300 * 1024 * 1024, 0x61));
    await writeFile(join(snapshot, 'index/v.ndjson.zst'), bomb);
    const before = process.memoryUsage().rss;
    await refusedFor(
      () => putBack({ folder: snapshot, mount: mountWith() }, { kind: 'host', path: target }),
      /far too long/,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });

  it('that wants a window of its own size does not get it', async () => {
    // The header of a zstd frame that asks for 2 GiB (RFC 8878, 3.1.1.1.2).
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00]);
    await writeFile(join(snapshot, 'index/v.ndjson.zst'), frame);
    await refusedFor(
      () => putBack({ folder: snapshot, mount: mountWith() }, { kind: 'host', path: target }),
      /is damaged/,
    );
  });
});

describe('a hostile manifest', { timeout: 90_000 }, () => {
  it.each([
    [{ path: '../outside' }, /outside of the snapshot/],
    [{ path: '/etc' }, /outside of the snapshot/],
    [{ index: '../../x' }, /outside of the snapshot/],
    [{ form: 'archive', parts: [{ path: '../x', sha256: '', bytes: 0 }] }, /outside|not what it should be/],
    [{ path: 'volumes/gone' }, /is not in the snapshot/],
  ] as const)('%j changes nothing', async (more, why) => {
    await refusedFor(() => back([root], more as Partial<ManifestMount>), why);
  });

  it('with links in the folder of the snapshot changes nothing', async () => {
    await rm(join(snapshot, 'volumes/v'), { recursive: true });
    await symlink(outside, join(snapshot, 'volumes/v'));
    await refusedFor(() => back([root, dir('inner')]), /is a link/);
    await rm(join(snapshot, 'volumes'), { recursive: true });
    await symlink(outside, join(snapshot, 'volumes'));
    await refusedFor(() => back([root, dir('inner')], { path: 'volumes/inner' }), /not what it should be/);
  });
});

describe('a hostile tree', { timeout: 90_000 }, () => {
  it('with a link in the place of a folder is not followed', async () => {
    await symlink(join(outside, 'inner'), join(snapshot, 'volumes/v/a'));
    const thrown = await harmless(() =>
      back([root, dir('a'), file('a/precious', 'precious', { mtime: '978307200000000000' })]),
    );
    expect(thrown).toMatchObject({ code: 'verify-failed', message: expect.stringMatching(/a link stands/) });
    expect(existsSync(join(target, 'a/precious'))).toBe(false);
  });

  it('with a link in the place of a file is not followed', async () => {
    await symlink(join(outside, 'inner/precious'), join(snapshot, 'volumes/v/a'));
    await refusedFor(() => back([root, file('a', 'precious')]), /its type is symlink/);
  });

  it('with a fifo in the place of a file is not waited for', async () => {
    await must(['mkfifo', join(snapshot, 'volumes/v/a')]);
    await refusedFor(() => back([root, file('a', 'x')]), /its type is fifo/);
  });

  it('with more in a file than was said does not fill the disk', async () => {
    await saved('a', 'x');
    await truncate(join(snapshot, 'volumes/v/a'), 2 ** 40);
    await refusedFor(() => back([root, file('a', 'x')]), /its size is 1099511627776/);
  });

  it('with other content than its index says leaves what was there', async () => {
    await saved('a', 'evil');
    await writeFile(join(target, 'a'), 'good');
    const thrown = await harmless(() => back([root, file('a', 'fine')]));
    expect(thrown).toMatchObject({ code: 'verify-failed', message: expect.stringMatching(/content/) });
    expect(await readFile(join(target, 'a'), 'utf8')).toBe('good');
  });

  it('without a file that its index has leaves what was there', async () => {
    await writeFile(join(target, 'a'), 'good');
    const thrown = await harmless(() => back([root, file('a', 'fine')]));
    expect(thrown).toMatchObject({
      code: 'verify-failed',
      message: expect.stringMatching(/a: it is not in/),
    });
    expect(await readFile(join(target, 'a'), 'utf8')).toBe('good');
  });

  it('puts links that lead out where they were, and nothing through them', async () => {
    await symlink('../outside/inner/precious', join(snapshot, 'volumes/v/a'));
    await must(['touch', '-h', '-d', '@1000000000', join(snapshot, 'volumes/v/a')]);
    const thrown = await harmless(() =>
      back([root, line('a', 'symlink', { target: '../outside/inner/precious', mode: '0777', size: 25 })]),
    );
    expect(thrown).toBeUndefined();
    expect(await readlink(join(target, 'a'))).toBe('../outside/inner/precious');
  });
});

describe('a hostile target', { timeout: 90_000 }, () => {
  const inner = [root, dir('inner'), file('inner/precious', 'mine')];
  beforeEach(async () => {
    await saved('inner', 'dir');
    await saved('inner/precious', 'mine');
  });

  it('with a link in the place of a folder gets a folder', async () => {
    await symlink(join(outside, 'inner'), join(target, 'inner'));
    expect(await harmless(() => back(inner))).toBeUndefined();
    expect(await readFile(join(target, 'inner/precious'), 'utf8')).toBe('mine');
  });

  it('with a link in the place of a folder gets one for a single path, too', async () => {
    await symlink(join(outside, 'inner'), join(target, 'inner'));
    expect(await harmless(() => back(inner, {}, { paths: [Buffer.from('inner/precious')] }))).toBeUndefined();
    expect(await readFile(join(target, 'inner/precious'), 'utf8')).toBe('mine');
  });

  it('with a link in the place of a file gets a file', async () => {
    await mkdir(join(target, 'inner'));
    await symlink(join(outside, 'inner/precious'), join(target, 'inner/precious'));
    expect(await harmless(() => back(inner))).toBeUndefined();
    expect(await readFile(join(target, 'inner/precious'), 'utf8')).toBe('mine');
  });

  it('with a file that is held elsewhere gets one of its own', async () => {
    await mkdir(join(target, 'inner'));
    await link(join(outside, 'inner/precious'), join(target, 'inner/precious'));
    await must(['chown', '77:77', join(target, 'inner/precious')]);
    const state = await must(['stat', '-c', '%u %s %Y %i', join(outside, 'inner/precious')]);
    await back(inner);
    expect(await must(['stat', '-c', '%u %s %Y %i', join(outside, 'inner/precious')])).toEqual(state);
    expect(await readFile(join(target, 'inner/precious'), 'utf8')).toBe('mine');
  });

  it('with links among what has to go loses the links alone', async () => {
    await symlink(outside, join(target, 'away'));
    await mkdir(join(target, 'gone'));
    await symlink(outside, join(target, 'gone/away'));
    expect(await harmless(() => back(inner))).toBeUndefined();
    expect((await must(['ls', target])).toString()).toBe('inner\n');
  });

  it('that is a link itself is refused', async () => {
    await rm(target, { recursive: true });
    await symlink(outside, target);
    const thrown = await harmless(() => back(inner));
    expect(thrown).toMatchObject({ code: 'copy-failed', message: expect.stringMatching(/no folder/) });
  });

  it('whose folders are swapped for links all the while loses nothing to where they lead', async () => {
    const many = Array.from({ length: 200 }, (_, place) => `inner/f${String(place).padStart(3, '0')}`);
    for (const path of many) await saved(path, path);
    const lines = [
      root,
      dir('inner'),
      ...many.map((path) => file(path, path)),
      file('inner/precious', 'mine'),
    ];
    await mkdir(join(target, 'inner'));
    const swap = [
      'while :; do mv -T inner kept && ln -s ../outside/inner inner; rm inner; mv -T kept inner; done',
    ];
    const over = new AbortController();
    const swapping = run(['sh', '-c', ...swap], { cwd: target, signal: over.signal }).catch(() => undefined);
    const before = await outsideState();
    for (let round = 0; round < 3; round++) await back(lines).catch(() => undefined);
    over.abort();
    await swapping;
    expect(await outsideState()).toBe(before);
  });
});

describe('a hostile archive', { timeout: 90_000 }, () => {
  /** What GNU tar makes of a folder, with names changed on the way. */
  const archived = async (
    make: (at: string) => Promise<void>,
    ...options: readonly string[]
  ): Promise<void> => {
    const at = join(folder, 'made');
    await mkdir(at);
    await make(at);
    await must(['find', '.', '-exec', 'touch', '-h', '-d', '@1000000000', '{}', '+'], at);
    const tar = await must(
      ['tar', '-c', '-f', '-', '-P', '--format=posix', '--sort=name', ...options, '.'],
      at,
    );
    await writeFile(join(snapshot, 'volumes/v.tar.zst'), zstdCompressSync(tar));
  };
  const archive = { form: 'archive', path: 'volumes/v.tar.zst' } as const;

  it('with names that go up writes what its index names, and nothing else', async () => {
    await archived((at) => writeFile(join(at, 'x'), 'x'), '--transform=s,^./x$,./../../outside/x,');
    await refusedFor(() => back([root, file('x', 'x')], archive), /1 of its entries are not in its archive/);
  });

  it('with absolute names writes nothing there', async () => {
    await archived((at) => writeFile(join(at, 'x'), 'x'), `--transform=s,^./x$,${join('/', 'outside-x')},`);
    await harmless(() => back([root, file('x', 'x')], archive));
    expect(existsSync('/outside-x')).toBe(false);
  });

  it('with a link where its index has a folder writes nothing through it', async () => {
    await archived(async (at) => {
      await symlink(outside, join(at, 'a'));
      await writeFile(join(at, 'b'), 'x');
    }, '--transform=s,^./b$,./a/b,');
    const thrown = await harmless(() => back([root, dir('a'), file('a/b', 'x')], archive));
    expect(thrown).toBeUndefined();
    expect(await readFile(join(target, 'a/b'), 'utf8')).toBe('x');
  });

  it.each([
    ['larger', 'xx', /not in the archive as its index says/],
    ['other', 'y', /content is not what the index says/],
  ])('with %s content leaves what was there', async (_, content, why) => {
    await archived((at) => writeFile(join(at, 'a'), content));
    await writeFile(join(target, 'a'), 'good');
    const thrown = await harmless(() => back([root, file('a', 'x')], archive));
    expect(thrown).toMatchObject({ code: 'verify-failed', message: expect.stringMatching(why) });
    expect(await readFile(join(target, 'a'), 'utf8')).toBe('good');
  });

  it('with setuid that its index does not have is refused', async () => {
    await archived(async (at) => {
      await writeFile(join(at, 'a'), 'x');
      await must(['chmod', '4755', join(at, 'a')]);
    });
    await refusedFor(() => back([root, file('a', 'x')], archive), /not in the archive as its index says/);
  });

  it('with a member twice is refused', async () => {
    await archived(async (at) => {
      await writeFile(join(at, 'a'), 'x');
      await writeFile(join(at, 'b'), 'x');
    }, '--transform=s,^./b$,./a,');
    await refusedFor(() => back([root, file('a', 'x')], archive), /not in the archive as its index says/);
  });

  it('that ends early, or is none, is refused', async () => {
    await archived((at) => writeFile(join(at, 'a'), 'x'));
    const whole = await readFile(join(snapshot, 'volumes/v.tar.zst'));
    await writeFile(join(snapshot, 'volumes/v.tar.zst'), whole.subarray(0, whole.length - 20));
    expect(await harmless(() => back([root, file('a', 'x')], archive))).toBeInstanceOf(Error);
    await writeFile(join(snapshot, 'volumes/v.tar.zst'), 'no archive');
    expect(await harmless(() => back([root, file('a', 'x')], archive))).toBeInstanceOf(Error);
    expect((await must(['find', target, '-mindepth', '1', '-not', '-name', 'a'])).toString()).toBe('');
  });

  it('with more than its index says is not unpacked to its end', async () => {
    // Content that its index does not name; each of them is read past in no time, a thousand times more is not.
    await archived(async (at) => {
      await writeFile(join(at, 'a'), 'x');
      await truncate(await touched(join(at, 'film')), 8 * 1024 * 1024);
    });
    await refusedFor(() => back([root, file('a', 'x')], archive), /more than its index says/);
    await rm(join(folder, 'made'), { recursive: true });
    await archived(async (at) => {
      for (const name of ['a', 'b', 'c']) await writeFile(join(at, name), name === 'a' ? 'x' : '');
    });
    await refusedFor(() => back([root, file('a', 'x')], archive), /more than its index says/);
  });

  it('whose earlier file unpacks to far more than can have been replaced since is not read to its end', async () => {
    await archived((at) => writeFile(join(at, 'a'), 'x'));
    await rename(join(snapshot, 'volumes/v.tar.zst'), join(snapshot, 'volumes/v~1.tar.zst'));
    // A whole archive, of a file that may have been replaced: 512 MiB of zeros in 16 KB.
    const zeros = Buffer.alloc(16 * mebibyte);
    const film = { ...bareFile(Buffer.from('film')), size: 32 * zeros.length };
    const bomb = function* () {
      yield memberHead('file', './film', film);
      for (let count = 0; count < 32; count++) yield zeros;
      yield archiveEnd;
    };
    const into = createWriteStream(join(snapshot, 'volumes/v.tar.zst'));
    await pipeline(Readable.from(bomb()), createZstdCompress(), into);
    const paths = ['volumes/v.tar.zst', 'volumes/v~1.tar.zst'];
    const parts = paths.map((path) => ({ path, sha256: '', bytes: 0 }));
    const entry = file('a', 'x', { part: 1 });
    await refusedFor(() => back([root, entry], { ...archive, parts, bytes: 1 }), /far more than it can hold/);
    // What was replaced and is no bomb is passed over.
    await writeFile(join(snapshot, 'volumes/v.tar.zst'), zstdCompressSync(archiveEnd));
    await back([root, entry], { ...archive, parts, bytes: 1 });
    expect(await readFile(join(target, 'a'), 'utf8')).toBe('x');
  });

  it('that is a bomb does not fill memory or disk', async () => {
    await archived((at) => writeFile(join(at, 'a'), 'x'));
    const bomb = join(snapshot, 'volumes/v.tar.zst');
    // A whole archive, and 256 MiB behind its end.
    const whole = zstdDecompressSync(await readFile(bomb));
    await writeFile(bomb, zstdCompressSync(Buffer.concat([whole, Buffer.alloc(256 * mebibyte)])));
    const before = process.memoryUsage().rss;
    expect(await harmless(() => back([root, file('a', 'x')], archive))).toMatchObject({
      message: expect.stringMatching(/something follows its end/),
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * mebibyte);
    expect(await readdir(target)).toEqual([]);
  });
});

describe('names of one file that are of two moments', { timeout: 90_000 }, () => {
  it('are one file again from an archive, as the one was that has the bytes', async () => {
    const made = join(folder, 'made');
    await mkdir(made);
    await writeFile(join(made, 'a'), 'x');
    await link(join(made, 'a'), join(made, 'b'));
    await must(['touch', '-d', '@1000000000', 'a', '.'], made);
    const tar = await must(['tar', '-c', '-f', '-', '--format=posix', '--sort=name', '.'], made);
    await writeFile(join(snapshot, 'volumes/v.tar.zst'), zstdCompressSync(tar));
    const linked = { inode: '7', links: 2 };
    const later = line('b', 'file', { ...linked, target: 'a', size: 5, mtime: '1000000005000000000' });
    await back([root, file('a', 'x', linked), later], { form: 'archive', path: 'volumes/v.tar.zst' });
    const [a, b] = [await stat(join(target, 'a')), await stat(join(target, 'b'))];
    expect([a.ino, a.size, a.mtimeMs, a.nlink]).toEqual([b.ino, 1, 1_000_000_000_000, 2]);
  });

  it('are files of their own from a tree, where they are', async () => {
    await saved('a', 'x');
    await saved('b', 'xy');
    const linked = { inode: '7', links: 2 };
    await back([root, file('a', 'x', linked), file('b', 'xy', linked)]);
    expect(await readFile(join(target, 'a'), 'utf8')).toBe('x');
    expect(await readFile(join(target, 'b'), 'utf8')).toBe('xy');
  });
});

describe('what is asked for', { timeout: 90_000 }, () => {
  it('a path that the snapshot does not have is refused, and nothing is removed', async () => {
    await writeFile(join(target, 'a'), 'x');
    await expect(back([root], {}, { paths: [Buffer.from('a')] })).rejects.toMatchObject({ code: 'usage' });
    expect(existsSync(join(target, 'a'))).toBe(true);
    const plan = await planBack({ folder: snapshot, mount: mountWith() }, { kind: 'host', path: target });
    expect(plan).toMatchObject({ removed: 1 });
    expect(existsSync(join(dirname(target), 'target/a'))).toBe(true);
  });
});
