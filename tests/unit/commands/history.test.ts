import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { historyPath } from '../../../src/snapshot/layout.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { runTool } from '../../support/tool.ts';

const run = {
  version: 1,
  run: 'core-20261121-030000-a1b2c3',
  instance: 'core',
  project: 'core',
  snapshot: 'core-20261121-030000',
  type: 'scheduled',
  tags: {},
  started: '2026-11-21T03:00:00.000Z',
  finished: '2026-11-21T03:00:20.000Z',
  outcome: 'complete',
  path: '/backups/core-20261121-030000',
  bytes: 2_000_000,
  files: 30,
  downtimeMs: 4_210,
  windowMs: 310,
  totalMs: 20_000,
  down: [],
  warnings: [],
};
const failed = {
  ...run,
  run: 'core-20261122-030000-a1b2c3',
  started: '2026-11-22T03:00:00.000Z',
  outcome: 'failed',
  error: { code: 'disk-full', message: 'the disk is full\u001b[2J' },
  bytes: 0,
};
const other = {
  ...run,
  instance: 'shop',
  project: 'shop',
  type: 'manual',
  started: '2026-11-20T03:00:00.000Z',
};
const drill = {
  ...{ version: 1, kind: 'drill', run: 'd', instance: 'core', project: 'core-drill', snapshot: run.snapshot },
  ...{ started: '2026-11-23T03:00:00.000Z', outcome: 'passed', totalMs: 9_000 },
};

let folder = '';
beforeAll(async () => {
  folder = await temporaryFolder('history');
  await mkdir(dirname(historyPath(folder)), { recursive: true });
  // Out of order, and with a line that a power cut left half-written.
  const lines = [failed, run, drill, other].map((one) => JSON.stringify(one));
  await writeFile(historyPath(folder), `${lines.join('\n')}\n{"half`);
});
afterAll(() => removeTree(folder));

const history = (...args: readonly string[]) =>
  runTool(['history', ...args, '--backups', folder], { cwd: folder, env: { TZ: 'UTC' } });

describe('history', { timeout: 60_000 }, () => {
  it('shows every run with what it cost, the newest last, and why it failed', async () => {
    const { stdout, exitCode } = await history();
    expect(exitCode).toBe(0);
    const [, shop, good, bad, drilled] = stdout.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(shop?.slice(0, 4)).toEqual(['2026-11-20 03:00', 'shop', 'backup', 'complete']);
    expect(good).toEqual([
      ...['2026-11-21 03:00', 'core', 'scheduled', 'complete'],
      ...['4.2 s', '310 ms', '20.0 s', '2.0 MB'],
    ]);
    expect(bad?.slice(0, 4)).toEqual(['2026-11-22 03:00', 'core', 'scheduled', 'failed']);
    expect(drilled?.slice(0, 4)).toEqual(['2026-11-23 03:00', 'core', 'drill', 'passed']);
    expect(stdout).toContain('2026-11-22 03:00:00 core: the disk is full');
    expect(stdout).not.toContain('\u001b');
  });

  it('shows the newest alone, of some instances alone, as JSON', async () => {
    const { stdout } = await history('core', '--last', '2', '--json');
    expect(JSON.parse(stdout)).toEqual([failed, drill]);
  });

  it('comes whole out of a pipe that holds less at once', async () => {
    const many = await temporaryFolder('history');
    await mkdir(dirname(historyPath(many)), { recursive: true });
    const lines = Array.from({ length: 500 }, () => JSON.stringify(failed));
    await writeFile(historyPath(many), `${lines.join('\n')}\n`);
    // A real one: what Node gives a child is a socket, which holds more.
    const through = ['sh', '-c', '"$@" | cat', 'sh'];
    const args = ['history', '--last', '500', '--json', '--backups', many];
    const { stdout } = await runTool(args, { cwd: many, through });
    expect(JSON.parse(stdout)).toHaveLength(500);
    await removeTree(many);
  });

  it('refuses a count that is none, and says when there is nothing', async () => {
    expect(await history('--last', 'all')).toMatchObject({ exitCode: 2, stdout: '' });
    expect((await history('nobody')).stdout).toContain('No runs of nobody');
  });
});
