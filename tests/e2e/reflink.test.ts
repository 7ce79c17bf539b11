import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/base/process.ts';
import type { Manifest, ManifestMount } from '../../src/snapshot/types.ts';
import {
  composeText,
  lasting,
  leftoversIn,
  newestManifest,
  unwired,
  writeConfig,
} from '../support/backups.ts';
import { contents, listing } from '../support/compare.ts';
import { docker } from '../support/containers.ts';
import { guardiansOf } from '../support/guardians.ts';
import { type MemoryDisk, memoryDisk, type ReflinkType, whyNone } from '../support/memory-disk.ts';
import { pidsWhere } from '../support/processes.ts';
import { runTool, type ScratchStack, scratchStack, spawnTool } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const megabyte = 1024 * 1024;
const types: readonly ReflinkType[] = ['xfs', 'btrfs'];
const obstacles = new Map(await Promise.all(types.map(async (type) => [type, await whyNone(type)] as const)));

let stack: ScratchStack;
let source: string;
let before: ReturnType<typeof lasting>;

beforeAll(async () => {
  stack = await scratchStack(
    composeText({ keeper: unwired({ volumes: ['data:/data'] }) }, { volumes: { data: {} } }),
  );
  await writeConfig(stack.folder, { it: { project: stack.project } });
  await stack.up();
  source = await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', `${stack.project}_data`);
  await mkdir(join(source, 'many'));
  for (let at = 0; at < 50; at++) await writeFile(join(source, `many/${at}`), randomBytes(5000));
  await writeFile(join(source, 'large'), randomBytes(24 * megabyte));
  await writeFile(
    join(source, 'marked'),
    Buffer.concat([Buffer.from('the marked block'), randomBytes(megabyte)]),
  );
  before = lasting(await stack.ps());
});
afterAll(() => stack.down());

describe.each(types)('night after night on %s', (type) => {
  const why = obstacles.get(type);
  if (why !== undefined) {
    it('is not tried', ({ skip }) => skip(why));
    return;
  }
  let disk: MemoryDisk;
  const nights = type === 'xfs' ? 3 : 2;
  const taken: (Manifest & { readonly folder: string })[] = [];
  const used: number[] = [];
  const mountOf = (at: number): ManifestMount => taken[at]?.mounts[0] as ManifestMount;

  beforeAll(async () => {
    disk = await memoryDisk(type);
    for (let night = 0; night < nights; night++) {
      if (night > 0) {
        const large = await open(join(source, 'large'), 'r+');
        await large.write(randomBytes(8192), 0, 8192, night * 5 * megabyte);
        await large.close();
        await writeFile(join(source, `many/${night}`), `night ${night}`);
      }
      const ended = await runTool(['it', '--backups', disk.path], { cwd: stack.folder });
      expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0);
      taken.push(await newestManifest(disk.path));
      used.push(await disk.used());
    }
  });
  afterAll(() => disk?.[Symbol.asyncDispose]());

  it('must write next to nothing for a large file of which a part has changed', () => {
    for (let night = 1; night < nights; night++) {
      expect((used[night] as number) - (used[night - 1] as number)).toBeLessThan(4 * megabyte);
      const base = taken[night - 1]?.snapshot;
      expect(mountOf(night)).toMatchObject({ form: 'tree', base, shared: { files: 50 } });
    }
  });

  it('must give every snapshot inodes of its own', async () => {
    const { stdout } = await run(['find', taken.at(-1)?.folder ?? '', '-type', 'f', '-links', '+1']);
    expect(stdout.toString()).toBe('');
  });

  it('must equal the source, and verify', async () => {
    const copy = join(taken.at(-1)?.folder ?? '', mountOf(0).path);
    expect(await listing(copy)).toEqual(await listing(source));
    expect(await contents(copy)).toEqual(await contents(source));
    const verified = await runTool(['verify', taken.at(-1)?.folder ?? ''], { cwd: stack.folder });
    expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
    expect(lasting(await stack.ps())).toEqual(before);
  });

  it('must find a block that has rotted, and name every snapshot that shares it', async () => {
    await disk.rot('the marked block');
    const verified = await runTool(['verify', taken.at(-1)?.folder ?? '', '--json'], { cwd: stack.folder });
    expect(verified.exitCode).toBe(6);
    const others = taken.slice(0, -1).map(({ snapshot }) => snapshot);
    expect(JSON.parse(verified.stdout).sharedWith).toEqual(others);
  });

  it('must keep the others whole when one is changed or removed', async () => {
    const [first, second] = taken.map(({ folder }) => folder) as [string, string];
    const file = (folder: string): string => join(folder, mountOf(0).path, 'many/40');
    const whole = await readFile(file(second));
    await writeFile(file(first), 'changed in place');
    expect((await readFile(file(second))).equals(whole)).toBe(true);
    await rm(first, { recursive: true });
    expect((await readFile(file(second))).equals(whole)).toBe(true);
  });
});

/** The processes of runs, of whatever tool, that are stopped in this folder of the backups. */
const stoppedIn = async (backups: string): Promise<readonly number[]> => {
  const found: number[] = [];
  for (const pid of pidsWhere('cmdline', (line) => line.includes(backups))) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
    if (stat.includes(') T ')) found.push(pid);
  }
  return found;
};

describe('a copy that is held to a rate', () => {
  beforeAll(async () => {
    await writeConfig(stack.folder, { it: { project: stack.project, limits: { read_rate: '500kB/s' } } });
    // A few large files out of the page cache are copied before anybody looks; creating many takes a while.
    await mkdir(join(source, 'crowd'));
    for (let at = 0; at < 4000; at++) await writeFile(join(source, `crowd/${at}`), 'x'.repeat(4000));
  });

  it.each([
    ['ended', 'SIGINT', 130],
    ['killed', 'SIGKILL', 137],
  ] as const)('must leave nothing stopped behind when the run is %s', async (_, signal, code) => {
    const backups = join(stack.folder, 'slow-backups');
    await using tool = spawnTool(['it', '--backups', backups], { cwd: stack.folder });
    const copying = await until('the copy rests', async () => {
      const found = await stoppedIn(backups);
      return found.length > 0 && found;
    });
    tool.child.kill(signal);
    expect((await tool.ended).exitCode).toBe(code);
    const isGone = async (): Promise<boolean> => (await guardiansOf(backups)).length === 0;
    await until('the guardian has gone home', isGone);
    for (const pid of copying)
      expect(await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).not.toContain(backups);
    expect(await leftoversIn(backups)).toEqual([]);
    expect(lasting(await stack.ps())).toEqual(before);
  });
});
