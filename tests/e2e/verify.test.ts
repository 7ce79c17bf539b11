import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/base/process.ts';
import { loadSchema } from '../../src/base/schema.ts';
import { readRecords } from '../../src/catalog/history.ts';
import { readers } from '../../src/copy/readers.ts';
import type { Manifest } from '../../src/snapshot/types.ts';
import { verifySnapshot } from '../../src/snapshot/verify.ts';
import { damages, editManifest, flip } from '../support/damages.ts';
import { named } from '../support/named.ts';
import { runTool, type ScratchStack, scratchStack } from '../support/scratch.ts';
import { fingerprint } from '../support/untouched.ts';

const compose = `
services:
  app:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
    volumes: [data:/data, ./files:/files]
volumes:
  data:
`;

const config = (project: string): string => `
timezone: UTC
instances:
  shop:
    project: ${project}
    compose_files: [compose.yaml]
    hooks:
      - { kind: command, service: app, command: [cat, /data/orders], save: orders.txt }
`;

const fill =
  'cd /data && seq 1000 > orders && mkdir deep && echo x > deep/file && ln -s orders link && chmod 640 orders';

describe('verify', () => {
  let stack: ScratchStack;
  let snapshot: string;
  let volume: string;
  let index: string;
  let firstFile: string;
  let copies = 0;

  /** A copy under the name of another second, in a folder of its own. */
  const copyOf = async (folder: string): Promise<string> => {
    const copy = join(stack.folder, folder, `shop-20200101-0000${String(copies++).padStart(2, '0')}`);
    await mkdir(join(stack.folder, folder), { recursive: true });
    await run(['cp', '-a', snapshot, copy]);
    return copy;
  };
  const tool = (...args: readonly string[]) => runTool(args, { cwd: stack.folder });

  beforeAll(async () => {
    stack = await scratchStack(compose, { files: { 'files/here': 'here\n' } });
    await stack.up();
    await stack.compose('exec', '-T', 'app', 'sh', '-c', fill);
    await stack.write('backup.config.yaml', config(stack.project));
    const ended = await tool('shop', '--note', 'to be damaged');
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0 });
    const [name = ''] = (await readdir(join(stack.folder, 'backups'))).filter((one) =>
      one.startsWith('shop-'),
    );
    snapshot = join(stack.folder, 'backups', name);
    volume = `volumes/${stack.project}_data`;
    const sums = await readFile(join(snapshot, 'SHA256SUMS'), 'utf8');
    firstFile = /^[0-9a-f]{64} [ *](.+)$/m.exec(sums)?.[1] ?? '';
    index = `index/${stack.project}_data.ndjson.zst`;
  });
  afterAll(() => stack?.down());

  it('finds a whole snapshot whole, and writes nothing in it', async () => {
    const before = await fingerprint(snapshot);
    const ended = await tool('verify', 'shop');
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    expect(ended.stdout).toMatch(new RegExp(`^${snapshot} is whole: \\d+ files, .* checked\\n$`));
    expect(await fingerprint(snapshot)).toEqual(before);
    const copy = await copyOf('whole');
    expect(await tool('verify', copy, '--quiet')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  it.each(named(damages))('finds %s', async (_what, { do: damage, found }) => {
    const copy = await copyOf('damaged');
    await damage(copy, join(copy, volume), join(snapshot, volume));
    const { ok, problems } = await verifySnapshot(copy, { readers });
    const own = (text: string) =>
      text.replace(' V', ` ${volume}`).replace(/ I$/, ` ${index}`).replace(/ F$/, ` ${firstFile}`);
    expect(ok).toBe(false);
    expect(problems.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual(found.map(own).sort());
  });

  it('remembers what it found, and list shows it; a share clears nothing', async () => {
    const backups = join(stack.folder, 'remembered');
    const [bad, good] = [await copyOf('remembered'), await copyOf('remembered')];
    await mkdir(join(backups, '.stack-backup'));
    await flip(join(bad, 'dumps/app/orders.txt'), 3);
    const all = await tool('verify', '--all', '--backups', backups, '--json');
    expect(all).toMatchObject({ exitCode: 6, stderr: '' });
    const said = all.stdout.split(/(?<=^\})\n/m).flatMap((one) => (one === '' ? [] : JSON.parse(one)));
    expect(said).toMatchObject([
      { snapshot: bad, ok: false, count: 1, problems: [{ path: 'dumps/app/orders.txt' }] },
      { snapshot: good, ok: true, count: 0 },
    ]);
    await tool('verify', bad, '--sample', '1%', '--backups', backups);
    const share = await tool('verify', '--latest', '--sample', '50%', '--backups', backups);
    expect(share).toMatchObject({ exitCode: 0, stderr: '' });
    expect(share.stdout).toMatch(/^.* is whole: .*\n {2}share [12] of 2; \d+ files?, .* not read\n$/);
    const lines = await readRecords(backups);
    const valid = loadSchema('history.schema.json');
    for (const line of lines) expect(valid(line), JSON.stringify(valid.errors)).toBe(true);
    expect(lines.map((line) => line.outcome)).toEqual(['damaged', 'whole', expect.anything(), 'whole']);
    const { stdout } = await tool('list', '--backups', backups);
    const row = (path: string) => stdout.split('\n').find((one) => one.startsWith(basename(path)));
    expect(row(bad)).toMatch(/ DAMAGED (?:now|\d+ min ago)$/);
    expect(row(good)).toMatch(/ 50% (?:now|\d+ min ago)$/);
  });

  it('names what it cannot do: no snapshot, both of two ways, no share', async () => {
    const [none, both, share, empty] = await Promise.all([
      tool('verify'),
      tool('verify', '--all', '--latest'),
      tool('verify', 'shop', '--sample', '0%'),
      tool('verify', '--all', '--backups', join(stack.folder, 'nowhere')),
    ]);
    for (const one of [none, both, share, empty]) expect(one).toMatchObject({ exitCode: 2, stdout: '' });
    expect(none.stderr).toContain('no snapshot is named');
    expect(empty.stderr).toContain('there is no snapshot in');
  });

  it('says in words what is wrong, of each snapshot that was named', async () => {
    const [good, bad] = [await copyOf('words'), await copyOf('words')];
    await flip(join(bad, 'dumps/app/orders.txt'), 3);
    const ended = await tool('verify', bad, good);
    expect(ended).toMatchObject({ exitCode: 6 });
    expect(ended.stderr).toBe(
      `${bad} is NOT whole: 1 problem\n  checksum: dumps/app/orders.txt: its content changed\n`,
    );
    expect(ended.stdout).toContain(`${good} is whole: `);
  });

  it('tells a snapshot of a newer program from a damaged one, and no snapshot from both', async () => {
    const [newer, none] = [await copyOf('other'), await copyOf('other')];
    await editManifest(newer, (manifest) => ({ ...manifest, version: 99 }));
    await rm(join(none, 'manifest.json'));
    const [ofNewer, ofNone, unknown] = await Promise.all([
      tool('verify', newer),
      tool('verify', none),
      tool('verify', 'shopp'),
    ]);
    expect(ofNewer).toMatchObject({ exitCode: 2, stdout: '' });
    expect(ofNewer.stderr).toContain(`${newer} has a manifest of version 99; this program reads up to 1`);
    expect(ofNewer.stderr).toContain('Update stack-backup, then try again.');
    expect(ofNone).toMatchObject({ exitCode: 2, stdout: '' });
    expect(ofNone.stderr).toContain(`${none} holds no manifest.json`);
    expect(unknown).toMatchObject({ exitCode: 2, stdout: '' });
    expect(unknown.stderr).toContain('there is no snapshot shopp');
    expect(unknown.stderr).toContain('`stack-backup list` shows those in');
  });

  it('list tells whole, damaged and newer ones apart, in words and for machines', async () => {
    const [good, broken, newer, none] = [
      await copyOf('listed'),
      await copyOf('listed'),
      await copyOf('listed'),
      await copyOf('listed'),
    ];
    await flip(join(broken, 'manifest.json'));
    await editManifest(newer, (manifest) => ({ ...manifest, version: 99 }));
    await rm(join(none, 'manifest.json'));
    const folder = join(stack.folder, 'listed');
    const [words, json] = await Promise.all([
      tool('list', '--backups', folder),
      tool('list', '--backups', folder, '--json'),
    ]);
    expect(words).toMatchObject({ exitCode: 0, stderr: '' });
    const line = (path: string): string =>
      words.stdout.split('\n').find((one) => one.startsWith(basename(path))) ?? '';
    expect(line(good)).toContain('complete');
    for (const path of [broken, newer, none]) {
      expect(line(path)).toContain('damaged');
      expect(words.stdout).toContain(`✗ ${basename(path)}: `);
    }
    const entries = JSON.parse(json.stdout) as { name: string; problem?: string; manifest?: Manifest }[];
    expect(entries.map(({ problem, manifest }) => [problem !== undefined, manifest !== undefined])).toEqual([
      [false, true],
      [true, false],
      [true, false],
      [true, false],
    ]);
  });

  it('show prints a whole one and refuses a damaged one', async () => {
    const broken = await copyOf('shown');
    await flip(join(broken, 'manifest.json'));
    const [words, json, refused] = await Promise.all([
      tool('show', 'shop'),
      tool('show', 'shop', '--json'),
      tool('show', broken),
    ]);
    expect(words).toMatchObject({ exitCode: 0, stderr: '' });
    for (const part of [basename(snapshot), 'to be damaged', `${stack.project}_data`, 'orders.txt'])
      expect(words.stdout).toContain(part);
    expect(json).toMatchObject({ exitCode: 0, stderr: '' });
    const valid = loadSchema('manifest.schema.json');
    expect(valid(JSON.parse(json.stdout)), JSON.stringify(valid.errors)).toBe(true);
    expect(refused).toMatchObject({ exitCode: 6, stdout: '' });
    expect(refused.stderr).toContain(`the manifest of ${broken} is not valid`);
  });

  it('plan --json is one document that names what would be stopped and copied', async () => {
    const ended = await tool('plan', 'shop', '--json');
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    const plan = JSON.parse(ended.stdout) as {
      copies: { name: string }[];
      stopWaves: { service: string }[][];
    };
    expect(plan.stopWaves.map((wave) => wave.map((one) => one.service))).toEqual([['app']]);
    expect(plan.copies.map((copy) => copy.name).sort()).toEqual(
      [`${stack.project}_data`, join(stack.folder, 'files')].sort(),
    );
  });
});
