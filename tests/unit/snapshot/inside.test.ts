import { readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { readContent, readPlain } from '../../../src/copy/reading/content.ts';
import { diffMount } from '../../../src/snapshot/diff/entries.ts';
import { diffManifests, isCompared, pairsOf } from '../../../src/snapshot/diff/manifests.ts';
import { comparePaths, type RecordEntry } from '../../../src/snapshot/entries/records.ts';
import { writeIndex } from '../../../src/snapshot/index-file.ts';
import { addressOf } from '../../../src/snapshot/inside/address.ts';
import { entryAt, listMount } from '../../../src/snapshot/inside/list.ts';
import { sumsOf } from '../../../src/snapshot/inside/sums.ts';
import { readManifest } from '../../../src/snapshot/manifest.ts';
import type { Manifest, ManifestMount } from '../../../src/snapshot/types.ts';
import { exampleManifest } from '../../support/made-snapshot.ts';
import { makeNights, type Nights } from '../../support/night-snapshots.ts';
import { below, must } from '../../support/odd-tree.ts';
import { collect, stream, temporaryFolder } from '../../support/temporary.ts';

let folder = '';
let nights: Nights;
let mounts: readonly ManifestMount[] = [];
beforeAll(async () => {
  folder = await temporaryFolder('inside');
  nights = await makeNights(folder);
  mounts = (await readManifest(nights.second)).mounts;
}, 180_000);
afterAll(() => removeTree(folder));

const mountNamed = (name: string): ManifestMount => {
  const found = mounts.find((mount) => mount.name === name);
  if (found === undefined) throw new Error(`no mount ${name}`);
  return found;
};

const bytesOf = async (mount: ManifestMount, path: Buffer, root = nights.second): Promise<Buffer> => {
  const entry = await entryAt(nights.second, mount, path);
  if (entry === undefined) throw new Error('no such entry');
  const chunks: Buffer[] = [];
  await readContent(root, mount, entry, async (chunk) => void chunks.push(Buffer.from(chunk)));
  return Buffer.concat(chunks);
};

describe('addressOf', () => {
  const [first] = exampleManifest().mounts as [ManifestMount];
  const mount = (kind: 'volume' | 'bind', name: string, path: string): ManifestMount => ({
    ...first,
    ...{ kind, name, path },
  });
  const manifest: Manifest = {
    ...exampleManifest(),
    project: 'shop',
    mounts: [
      mount('volume', 'shop_db', 'volumes/shop_db'),
      mount('volume', 'shop_mail', 'volumes/shop_mail.tar.zst'),
      mount('volume', 'dumps', 'volumes/dumps'),
      mount('bind', '/srv/files', 'binds/srv-files~1'),
      mount('bind', '/srv/files/deep', 'binds/srv-files-deep~2'),
    ],
  };
  it.each([
    ['volumes/shop_db', 'shop_db', ''],
    ['shop_db/base/1', 'shop_db', 'base/1'],
    ['db//base/./1/', 'shop_db', 'base/1'],
    ['volumes/shop_mail/in', 'shop_mail', 'in'],
    ['volumes/shop_mail.tar.zst', 'shop_mail', ''],
    ['mail/in', 'shop_mail', 'in'],
    ['/srv/files/a', '/srv/files', 'a'],
    ['/srv/files/deep/a', '/srv/files/deep', 'a'],
    ['volumes/dumps/x', 'dumps', 'x'],
    ["'db/\\xff\\x5c'", 'shop_db', '\xff\\'],
  ])('knows %s', (text, name, path) => {
    const address = addressOf(text, manifest);
    expect(address).toMatchObject({ kind: 'mount', mount: { name }, path: Buffer.from(path, 'latin1') });
  });

  it('takes what lies in the snapshot for that, and nothing that leads out of it', () => {
    for (const path of ['dumps/db/shop.dump', 'manifest.json', 'logs'])
      expect(addressOf(path, manifest)).toEqual({ kind: 'plain', path: Buffer.from(path) });
    for (const path of ['', '/', 'db/../../x', '..', '/etc/passwd', 'shop_dbx', 'db/\0', 'volumes', '/srv'])
      expect([path, addressOf(path, manifest)]).toEqual([path, undefined]);
  });
});

describe('what is in a snapshot', () => {
  it('is listed the same of a tree and an archive, a level or all of it', async () => {
    const list = async (name: string, at: string, all: boolean) =>
      (await collect(listMount(nights.second, mountNamed(name), Buffer.from(at), all))).map(({ path }) =>
        path.toString('latin1'),
      );
    for (const [at, all] of [
      ['', false],
      ['folder', false],
      ['folder/inner', true],
      ['nothing', true],
      ['', true],
    ] as const)
      expect(await list('pack', at, all)).toEqual(await list('tree', at, all));
    expect(await list('pack', 'folder', false)).toEqual([
      'folder',
      'folder/empty',
      'folder/inner',
      'folder/other-name',
    ]);
  });

  it('is read to the byte, out of trees and of every part of an archive', async () => {
    for (const name of ['tree', 'pack']) {
      const mount = mountNamed(name);
      const files = (await collect(listMount(nights.second, mount, Buffer.alloc(0), true))).filter(
        ({ type }) => type === 'file',
      );
      expect(new Set(files.map(({ part }) => part))).toEqual(new Set(name === 'pack' ? [0, 1] : [undefined]));
      for (const { path } of files) {
        const source = await readFile(below(nights.source, path));
        expect((await bytesOf(mount, path)).equals(source)).toBe(true);
      }
    }
  });

  it('never comes from outside, and what has changed is an error', async () => {
    const copy = join(folder, 'copy');
    await must(['cp', '-a', nights.second, copy]);
    const tree = mountNamed('tree');
    await writeFile(join(copy, 'volumes/tree/changes'), 'xfterwards');
    await rename(join(copy, 'volumes/tree/folder'), join(folder, 'elsewhere'));
    await symlink(join(folder, 'elsewhere'), join(copy, 'volumes/tree/folder'));
    await rm(join(copy, 'volumes/tree/comes'));
    await symlink('/etc/hostname', join(copy, 'volumes/tree/comes'));
    await writeFile(join(copy, 'volumes/pack.tar.zst'), 'no archive');
    for (const path of ['changes', 'folder/inner', 'comes'])
      await expect(bytesOf(tree, Buffer.from(path), copy)).rejects.toMatchObject({ code: 'verify-failed' });
    await expect(bytesOf(mountNamed('pack'), Buffer.from('folder/inner'), copy)).rejects.toThrow();
    await rm(join(copy, 'dumps'), { recursive: true });
    await symlink('/etc', join(copy, 'dumps'));
    const read = readPlain(copy, Buffer.from('dumps/hostname'), {}, async () => undefined);
    await expect(read).rejects.toMatchObject({ code: 'verify-failed' });
  });
});

const entries = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('a', 'a/b', 'a-b', 'a/b/c', 'z', 'ü', '.x'),
    type: fc.constantFrom('file' as const, 'dir' as const, 'symlink' as const),
    uid: fc.constantFrom(0, 1),
    mode: fc.constantFrom(0o644, 0o600),
    mtime: fc.constantFrom(1n, 1_000_000_001n),
    text: fc.constantFrom('1', '2'),
  }),
  { selector: ({ name }) => name },
);
type Made = typeof entries extends fc.Arbitrary<infer T> ? T : never;

const entryOf = ({ name, type, uid, mode, mtime, text }: Made[number]): RecordEntry => ({
  ...{ path: Buffer.from(name), type, mode, uid, gid: 0, size: 1, blocks: 0, links: 1 },
  ...{ mtimeNs: mtime, ctimeNs: 0n, inode: 0n },
  ...(type === 'file' && { sha256: text.repeat(64) }),
  ...(type === 'symlink' && { target: Buffer.from(text) }),
});

describe('diffMount', () => {
  it('agrees with a look at each path, whatever lies in both', async () => {
    let number = 0;
    const [plain] = exampleManifest().mounts as [ManifestMount];
    const property = fc.asyncProperty(entries, entries, fc.boolean(), async (before, after, isCoarse) => {
      const lost = isCoarse ? ['ns-times'] : [];
      const side = async (made: Made) => {
        const index = `index-${number++}`;
        const sorted = made.map(entryOf).sort((a, b) => comparePaths(a.path, b.path));
        await writeIndex(join(folder, index), stream(sorted));
        return { folder, mount: { ...plain, index, lost } };
      };
      const found = await collect(diffMount(await side(before), await side(after)));
      const told = Object.fromEntries(found.map(({ path, kind }) => [path.toString(), kind]));
      const expected: Record<string, string> = {};
      for (const name of new Set([...before, ...after].map((one) => one.name))) {
        const [a, b] = [before, after].map((all) => all.find((one) => one.name === name));
        if (a === undefined || b === undefined) {
          expected[name] = a === undefined ? 'added' : 'removed';
          continue;
        }
        const isOther = a.type !== b.type || (a.type !== 'dir' && a.text !== b.text);
        const unit = isCoarse ? 1_000_000_000n : 1n;
        const isLater = b.type !== 'dir' && a.mtime / unit !== b.mtime / unit;
        const hasOther = a.uid !== b.uid || a.mode !== b.mode || (isLater && a.type !== 'dir');
        if (isOther) expected[name] = 'content';
        else if (hasOther) expected[name] = 'metadata';
      }
      expect(told).toEqual(expected);
    });
    await fc.assert(property, { numRuns: 60 });
  });
});

describe('diffManifests', () => {
  it('tells of mounts, containers, dumps and compose files', async () => {
    const before = await readManifest(nights.first);
    const [container, ...others] = before.containers;
    const after: Manifest = {
      ...before,
      mounts: before.mounts.filter(({ name }) => name === 'tree'),
      containers: [...others, ...(container ? [{ ...container, imageId: `sha256:${'b'.repeat(64)}` }] : [])],
    };
    const sums = {
      before: await sumsOf(nights.first, isCompared),
      after: await sumsOf(nights.second, isCompared),
    };
    expect(pairsOf(before, after).map((pair) => pair.after.name)).toEqual(['tree']);
    expect(diffManifests(before, after, sums)).toEqual([
      { thing: 'mount', name: 'volume pack', kind: 'removed' },
      {
        thing: 'container',
        name: container?.name,
        kind: 'changed',
        what: expect.stringMatching(/^image .* → .*\(bbbbbbbbbbbb\)$/),
      },
      { thing: 'dump', name: 'dumps/app/orders.txt', kind: 'changed', what: 'other bytes' },
    ]);
    expect(diffManifests(before, before, { ...sums, after: sums.before })).toEqual([]);
  });
});
