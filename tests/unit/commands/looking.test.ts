import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { builtProgram } from '../../support/built.ts';
import { makeNights, type Nights } from '../../support/night-snapshots.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { runTool } from '../../support/tool.ts';

let folder = '';
let nights: Nights;
beforeAll(async () => {
  folder = await temporaryFolder('looking');
  nights = await makeNights(folder);
}, 180_000);
afterAll(() => removeTree(folder));

const tool = (...args: readonly string[]) => runTool([...args, '--backups', folder], { cwd: folder });
const newest = 'core-20261121-030000';

/** What comes out on standard output, byte by byte, as a reader takes it that leaves after so many. */
const bytesOf = async (args: readonly string[], most = Number.POSITIVE_INFINITY) => {
  const child = spawn(process.execPath, [builtProgram, ...args, '--backups', folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'close') as Promise<[code: number | null]>;
  if (most === Number.POSITIVE_INFINITY) {
    const bytes = await buffer(child.stdout);
    return { bytes, code: (await ended)[0] };
  }
  await once(child.stdout, 'readable');
  const bytes = (child.stdout.read(most) ?? Buffer.alloc(0)) as Buffer;
  child.stdout.destroy();
  return { bytes, code: (await ended)[0] };
};

describe('ls, cat and diff', { timeout: 120_000 }, () => {
  it('ls shows the same of a tree and of an archive, and says when there is nothing', async () => {
    const [top, tree, pack, json, none] = await Promise.all([
      tool('ls', newest),
      tool('ls', newest, 'volumes/tree'),
      tool('ls', newest, 'pack'),
      tool('ls', newest, 'pack/folder', '--json'),
      tool('ls', newest, 'tree/nothing'),
    ]);
    expect(top.stdout).toMatch(/^volumes\/tree .*\nvolumes\/pack .*archive/);
    expect(tree).toMatchObject({ exitCode: 0, stderr: '' });
    expect(pack.stdout).toBe(tree.stdout);
    expect(tree.stdout).toContain('link-out -> /etc/passwd\n');
    expect(tree.stdout).toContain(String.raw`'f\xff\xfe\x80'`);
    expect(tree.stdout).not.toContain('\u001b');
    const lines = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { path: string });
    expect(lines.map(({ path }) => path)).toEqual(['folder/empty', 'folder/inner', 'folder/other-name']);
    expect(none).toMatchObject({ exitCode: 2, stdout: '' });
    expect(none.stderr).toContain('there is no tree/nothing in');
  });

  it('cat gives bytes as they are, follows no link, and minds a reader that leaves', async () => {
    const wal = await readFile(join(nights.source, 'app/shop.db-wal'));
    const odd = String.raw`'pack/f\xff\xfe\x80'`;
    const [binary, named, link, short, dump] = await Promise.all([
      bytesOf(['cat', newest, 'pack/app/shop.db-wal']),
      bytesOf(['cat', newest, odd]),
      tool('cat', newest, 'tree/link-out'),
      bytesOf(['cat', newest, 'tree/folder/inner'], 10),
      bytesOf(['cat', newest, 'dumps/app/orders.txt']),
    ]);
    expect([binary.bytes.equals(wal), binary.code]).toEqual([true, 0]);
    expect(named.bytes.toString()).toBe('odd 10\n');
    expect(link).toMatchObject({ exitCode: 2, stdout: '' });
    expect(link.stderr).toContain('is a symlink to /etc/passwd, not a file');
    expect([short.bytes.toString(), short.code]).toEqual(['inner inne', 0]);
    expect(dump).toEqual({ bytes: Buffer.from('one\ntwo\n'), code: 0 });
    await writeFile(join(nights.first, 'dumps/app/orders.txt'), 'two\n');
    expect(await tool('cat', nights.first, 'dumps/app/orders.txt')).toMatchObject({ exitCode: 6 });
    await writeFile(join(nights.first, 'dumps/app/orders.txt'), 'one\n');
  });

  it('diff tells what changed in each mount, and its exit code tells whether anything did', async () => {
    const both = ['core-20261120-030000', newest] as const;
    const [words, json, quiet, same] = await Promise.all([
      tool('diff', ...both),
      tool('diff', ...both, '--json'),
      tool('diff', ...both, '--quiet'),
      tool('diff', newest, newest),
    ]);
    expect(words).toMatchObject({ exitCode: 7, stderr: '' });
    for (const line of [
      '  ~ changes  bytes 6 B → 10 B, time',
      '  + comes  3 B\n',
      '  · folder/empty  mode 0755 → 0600\n',
      '  - goes  10 B\n',
      '  · same  owner 0 → 7, group 0 → 8\n',
      'pack: 1 entry added (3 B), 1 removed (10 B), 1 changed, 2 with other metadata\n',
      '~ dump dumps/app/orders.txt  other bytes\n',
    ])
      expect(words.stdout).toContain(line);
    const lines = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toHaveLength(11);
    expect(lines[0]).toMatchObject({ thing: 'entry', mount: 'tree', kind: 'content', path: 'changes' });
    expect(quiet).toMatchObject({ exitCode: 7, stdout: '', stderr: '' });
    expect(same).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });
});
