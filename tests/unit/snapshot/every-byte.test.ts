import { mkdir, open, rm, rmdir, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { readers } from '../../../src/copy/readers.ts';
import { openSqliteCopy } from '../../../src/hooks/sqlite/open-copy.ts';
import { printable } from '../../../src/snapshot/entries/records.ts';
import { type Verification, verifySnapshot } from '../../../src/snapshot/verify.ts';
import { makeNights, type Nights } from '../../support/night-snapshots.ts';
import { must } from '../../support/odd-tree.ts';
import { temporaryFolder } from '../../support/temporary.ts';

let folder = '';
let nights: Nights;
let copy = '';
beforeAll(async () => {
  folder = await temporaryFolder('every-byte');
  nights = await makeNights(folder);
  await mkdir(join(folder, 'copy'));
  copy = join(folder, 'copy', basename(nights.second));
}, 180_000);
afterAll(() => removeTree(folder));
/** A whole copy with all metadata, but no inode in common with the snapshot. */
beforeEach(async () => {
  await removeTree(copy);
  await must(['cp', '-a', nights.second, copy]);
});

const verified = (): Promise<Verification> => verifySnapshot(copy, { readers });

const at = (path: Buffer | string): Buffer => Buffer.concat([Buffer.from(`${copy}/`), Buffer.from(path)]);

/** Changes one bit in the middle of a file. */
const flip = async (path: Buffer | string): Promise<void> => {
  await using file = await open(at(path), 'r+');
  const place = Math.floor((await file.stat()).size / 2);
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, place);
  byte[0] = (byte[0] ?? 0) ^ 4;
  await file.write(byte, 0, 1, place);
};

const filesBelow = async (path: string): Promise<readonly Buffer[]> => {
  const text = (await must(['find', path, '-type', 'f', '-size', '+0', '-print0'], copy)).toString('latin1');
  return text
    .split('\0')
    .filter((name) => name !== '')
    .map((name) => Buffer.from(name, 'latin1'));
};

describe('one bit that changed', { timeout: 120_000 }, () => {
  it('is found in each file of a tree', async () => {
    // One name of each hard-linked file: its bytes are there once.
    const files = (await filesBelow('volumes/tree')).filter((path) => !path.includes('other-name'));
    expect(files.length).toBeGreaterThan(15);
    for (const path of files) await flip(path);
    const { ok, problems } = await verified();
    const named = problems.filter(({ kind }) => kind === 'checksum').map(({ path }) => path);
    expect(ok).toBe(false);
    for (const path of files) expect(named).toContain(printable(path));
  });

  it('is found in each file beside the trees, and that file is named', async () => {
    const all = await filesBelow('.');
    const files = all.map((path) => path.subarray(2)).filter((path) => !path.includes('volumes/tree'));
    const names = files.map(String);
    for (const part of ['volumes/pack.tar.zst', 'volumes/pack~1.tar.zst', 'index/pack.gone.zst'])
      expect(names).toContain(part);
    for (const top of ['manifest.json', 'SHA256SUMS', 'dumps/', 'compose/', 'logs/', 'index/tree'])
      expect(names.some((name) => name.startsWith(top))).toBe(true);
    for (const path of files) {
      await flip(path);
      const { ok, problems } = await verified();
      expect([String(path), ok]).toEqual([String(path), false]);
      expect(problems.map((one) => one.path)).toContain(String(path));
      await flip(path);
    }
    expect(await verified()).toMatchObject({ ok: true, problems: [] });
  });
});

const inTree = (...command: readonly string[]) => must(command, join(copy, 'volumes/tree'));

/**
 * What happens to a snapshot, and the `kind path`, and words, that have to be among what is found. Each happens
 * to something of its own: of an entry only the first difference is told.
 */
const events: Readonly<Record<string, readonly [found: string, happen: () => Promise<unknown>]>> = {
  'an owner': ['index T/changes: its owner is 9', () => inTree('chown', '9', 'changes')],
  'a group': ['index T/comes: its group is 9', () => inTree('chgrp', '9', 'comes')],
  'an owner of a link': ['index T/link-out: its owner is 9', () => inTree('chown', '-h', '9', 'link-out')],
  'a mode': ['index T/app/copy.db: its mode is 0700', () => inTree('chmod', '700', 'app/copy.db')],
  'a time': ['index T/app/shop.db: its time is ', () => inTree('touch', '-d', '2001-01-01', 'app/shop.db')],
  'the owner of the root': ['index T: its owner is 9', () => inTree('chown', '9', '.')],
  'a target': [
    'index T/link: its target is same2',
    async () => {
      await inTree('ln', '-s', 'same2', 'x');
      await inTree('touch', '-h', '-r', 'link', 'x');
      await inTree('mv', '-T', 'x', 'link');
    },
  ],
  'a hard link that is two files': [
    'index T/folder/other-name: it is no hard link of ',
    async () => {
      await must(['cp', '-p', 'inner', 'x'], join(copy, 'volumes/tree/folder'));
      await must(['mv', 'x', 'other-name'], join(copy, 'volumes/tree/folder'));
    },
  ],
  'an empty folder gone': ['missing T/folder/empty', () => rmdir(at('volumes/tree/folder/empty'))],
  'a file gone': ['missing T/same', () => rm(at('volumes/tree/same'))],
  'a file too many': ['extra T/app/more', () => writeFile(at('volumes/tree/app/more'), '')],
  'a part gone': ['missing volumes/pack~1.tar.zst', () => rm(at('volumes/pack~1.tar.zst'))],
  'a part too many': ['extra volumes/pack~2.tar.zst', () => writeFile(at('volumes/pack~2.tar.zst'), '')],
  'a dump gone': ['missing dumps/app/orders.txt', () => rm(at('dumps/app/orders.txt'))],
  'a log too many': ['extra logs/x', () => symlink('app.log.zst', at('logs/x'))],
};

it('everything else that can happen to a snapshot is found, all of it at once', {
  timeout: 120_000,
}, async () => {
  for (const [, happen] of Object.values(events)) await happen();
  const { ok, problems } = await verified();
  expect(ok).toBe(false);
  const named = problems.map(({ kind, path, message }) => `${kind} ${path}: ${message}`);
  for (const [what, [found]] of Object.entries(events)) {
    const [start, words] = [found.replace(' T', ' volumes/tree'), found.includes(': ')];
    const isFound = named.some((one) => one.startsWith(words ? start : `${start}: `));
    expect([what, isFound ? [] : named]).toEqual([what, []]);
  }
});

const sound = { is: 'sound' } as const;

describe('databases', { timeout: 120_000 }, () => {
  it('are opened in trees and archives, as copies, with their logs', async () => {
    const seen: string[] = [];
    let logs = 0;
    const openers = {
      dump: async () => undefined,
      sqlite: async (path: string, signal: AbortSignal | undefined) => {
        seen.push(path);
        expect(path.startsWith(copy)).toBe(false);
        // Two of them have rows that stand in the log alone.
        await stat(`${path}-wal`).then(
          () => logs++,
          () => undefined,
        );
        return await openSqliteCopy(path, signal);
      },
    };
    const result = await verifySnapshot(copy, { readers, openers });
    expect(result).toMatchObject({ ok: true, unchecked: [], opened: 4 });
    expect(logs).toBe(2);
    for (const path of seen) await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await verified()).toMatchObject({ ok: true, opened: 0 });
  });

  it('that are damaged are problems, those that nothing opens are told', async () => {
    const openers = {
      dump: async () => sound,
      sqlite: async () => ({ is: 'damaged', why: 'row 3 missing from index' }) as const,
    };
    const { problems } = await verifySnapshot(copy, { readers, openers });
    expect(problems.map(({ kind, path, message }) => `${kind} ${path} ${message}`).sort()).toEqual(
      ['tree/app/copy.db', 'tree/app/shop.db', 'pack.tar.zst: app/copy.db', 'pack.tar.zst: app/shop.db']
        .map((path) => `database volumes/${path} SQLite: row 3 missing from index`)
        .sort(),
    );
    const none = { ...openers, sqlite: async () => ({ is: 'unknown', why: 'no reason' }) as const };
    const result = await verifySnapshot(copy, { readers, openers: none });
    expect([result.ok, result.unchecked.length]).toEqual([true, 4]);
  });
});

describe('shares', { timeout: 120_000 }, () => {
  it('of the content come round to all of it, and say what was not read', async () => {
    const all = await verified();
    const of = 3;
    let files = 0;
    for (let part = 0; part < of; part++) {
      const result = await verifySnapshot(copy, { readers, sample: { part, of } });
      expect(result).toMatchObject({ ok: true, problems: [] });
      expect(result.files + result.skipped.files).toBe(all.files);
      expect(result.bytes + result.skipped.bytes).toBe(all.bytes);
      files += result.files;
    }
    // The indexes are read each time.
    const indexes = (await filesBelow('index')).length;
    expect(files).toBe(all.files + (of - 1) * indexes);
  });
});
