import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/run/record.ts';
import { journalsPath } from '../../src/snapshot/layout.ts';
import {
  composeText,
  holdersOf,
  lasting,
  lastRun,
  leftoversIn,
  unwired,
  writeConfig,
} from '../support/backups.ts';
import { docker } from '../support/containers.ts';
import { guardiansOf, killGuardians } from '../support/guardians.ts';
import { type HeldSync, heldSync } from '../support/held-sync.ts';
import { bookOf } from '../support/reliability/book.ts';
import {
  type ContainerState,
  type RunningTool,
  runTool,
  type ScratchStack,
  scratchStack,
  spawnTool,
} from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { faultAt } from './boundaries/inject/boundaries.ts';
import { observe } from './boundaries/observe.ts';

const book = bookOf('restore');

/** `app` needs `db`; `ice` uses the data of `db` and is frozen by its user, `off` was stopped. */
const services = {
  db: unwired({ volumes: ['one:/data'], restart: 'always' }),
  app: unwired({ volumes: ['two:/data'], restart: 'on-failure:3', depends_on: ['db'] }),
  ice: unwired({ volumes: ['one:/data'] }),
  off: unwired({ volumes: ['two:/data'] }),
};

describe('a restore that is broken off', () => {
  let stack: ScratchStack;
  let backups: string;
  let sync: HeldSync;
  let before: readonly ContainerState[];
  let snapshot: string;
  const folders = new Map<string, string>();

  const fileIn = (volume: string): string => join(folders.get(volume) ?? 'none', 'version');
  const versions = async (): Promise<readonly string[]> =>
    Promise.all(['one', 'two'].map((volume) => readFile(fileIn(volume), 'utf8')));
  const write = async (version: string): Promise<void> => {
    for (const volume of ['one', 'two']) await writeFile(fileIn(volume), version);
  };
  const tool = (...args: readonly string[]): RunningTool =>
    spawnTool(args, { cwd: stack.folder, env: sync.env });
  const restore = (...more: readonly string[]): RunningTool =>
    tool('restore', snapshot, '--yes', '--no-verify', ...more);

  /** The restore stands between the two volumes: one has been put back, the other not. */
  const halfWay = async (...more: readonly string[]): Promise<RunningTool> => {
    await sync.at(folders.get('one') ?? '', 'hold', { file: fileIn('one'), holds: 'old' });
    const running = restore(...more);
    await sync.held();
    expect(await versions()).toEqual(['old', 'new']);
    return running;
  };
  const killBoth = async (running: RunningTool): Promise<void> => {
    await killGuardians(backups);
    running.kill('SIGKILL');
    await running.ended;
    await sync.release();
  };

  /** Everything that ran runs as before, nothing is left, and the history tells what became of the data. */
  const expectSettled = async (data: string, version: string): Promise<RunRecord> => {
    expect(await versions()).toEqual([version, version]);
    expect(lasting(await stack.ps())).toEqual(lasting(before));
    expect(await leftoversIn(backups)).toEqual([]);
    const record = await lastRun(backups);
    expect(record).toMatchObject({ kind: 'restore', restore: { data }, down: [] });
    expect(await holdersOf(record.run)).toEqual([]);
    return record;
  };

  const expectRecovered = async (data: string, version: string): Promise<void> => {
    const from = Date.now();
    const recovered = await runTool(['recover'], { cwd: stack.folder });
    const backMs = Date.now() - from;
    expect(recovered.exitCode, recovered.stderr).toBe(0);
    await expectSettled(data, version);
    book.survived('restore: SIGKILL of tool and guardian, then `recover`', [{ backMs }]);
  };

  beforeAll(async () => {
    stack = await scratchStack(composeText(services, { volumes: { one: {}, two: {} } }));
    backups = join(stack.folder, 'backups');
    await stack.up();
    await stack.compose('stop', '-t', '1', 'off');
    await stack.compose('pause', 'ice');
    for (const volume of ['one', 'two'])
      folders.set(
        volume,
        await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', `${stack.project}_${volume}`),
      );
    await write('old');
    await writeConfig(stack.folder, { box: { project: stack.project } });
    sync = await heldSync(stack.folder);
    const ended = await runTool(['box'], { cwd: stack.folder });
    expect(ended.exitCode, ended.stderr).toBe(0);
    snapshot = (await readdir(backups)).find((name) => name.startsWith('box-')) ?? 'none';
    before = await stack.ps();
  });
  afterAll(() => stack?.down());
  beforeEach(async () => {
    await sync.release();
    await write('new');
  });

  it('must be undone by the guardian when the tool is killed half-way, and keep all others out meanwhile', async () => {
    await using running = await halfWay();
    const others = await Promise.all([tool('box').ended, restore().ended]);
    expect(others.map(({ exitCode }) => exitCode)).toEqual([5, 5]);
    running.kill('SIGKILL');
    await running.ended;
    await sync.release();
    const from = Date.now();
    await until('the guardian is done', async () => (await guardiansOf(backups)).length === 0);
    const backMs = Date.now() - from;
    await expectSettled('rolled-back', 'new');
    book.survived('restore: SIGKILL of the tool', [{ backMs }]);
  });

  it('must be undone by recover when tool and guardian are killed half-way', async () => {
    await using running = await halfWay();
    await killBoth(running);
    const down = (await stack.ps()).filter(({ service }) => ['db', 'app', 'ice'].includes(service));
    expect(down.map(({ state }) => state)).toEqual(['exited', 'exited', 'exited']);
    // Whoever is started by hand on half of it is stopped first, and started again on whole data.
    await docker('start', await stack.container('db'));
    await expectRecovered('rolled-back', 'new');
  });

  it('must leave the data alone when both are killed before the first write', async () => {
    await sync.at('.stack-backup/tmp', 'hold');
    await using running = restore();
    await sync.held();
    await killBoth(running);
    await expectRecovered('untouched', 'new');
  });

  it('must be undone when it is interrupted half-way', async () => {
    await using running = await halfWay();
    running.kill('SIGINT');
    await running.line(/setting the data back/);
    await sync.release();
    const from = Date.now();
    expect((await running.ended).exitCode).toBe(130);
    const backMs = Date.now() - from;
    await expectSettled('rolled-back', 'new');
    book.survived('restore: SIGINT', [{ backMs }]);
  });

  it('must be undone when both are killed while it is being undone', async () => {
    await sync.at(folders.get('two') ?? '', 'fail', { file: fileIn('two'), holds: 'old' });
    const fault = {
      kind: 'SIGKILL of tool and guardian, then `recover`',
      at: 'after naming backups/.stack-backup/runs/<run>.json rolling-back',
    } as const;
    const command = ['restore', snapshot, '--yes', '--no-verify'];
    const { trace, ended } = await observe({ stack, names: {} }, command, fault, sync.env);
    expect(faultAt(trace), ended.stdout + ended.stderr).toBeDefined();
    await sync.release();
    await expectRecovered('rolled-back', 'new');
  });

  it('must be gone on with where an error comes half-way and nothing was kept', async () => {
    await sync.at(folders.get('two') ?? '', 'fail', { file: fileIn('two'), holds: 'old' });
    await using running = restore('--no-safety');
    await running.line(/setting the data back/);
    await sync.release();
    const from = Date.now();
    const { exitCode, stderr } = await running.ended;
    const backMs = Date.now() - from;
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 3 });
    const { warnings, windowMs } = await expectSettled('restored', 'old');
    expect(windowMs).toBeGreaterThan(0);
    expect(warnings.map(({ code }) => code)).toEqual(expect.arrayContaining(['no-safety', 'gone-forward']));
    book.survived('restore: disk fails with EIO', [{ backMs }]);
  });

  it('must not be set back by a later command when it could not write that it came to its end', async () => {
    await using running = await halfWay();
    const [here, away] = [journalsPath(backups), `${journalsPath(backups)}-away`];
    await rename(here, away);
    await sync.release();
    expect(await running.ended).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(/journal/) });
    expect(await versions()).toEqual(['old', 'old']);
    await rename(away, here);
    await write('newest');
    const recovered = await runTool(['recover'], { cwd: stack.folder });
    expect(recovered.exitCode, recovered.stderr).toBe(0);
    const { run } = await expectSettled('restored', 'newest');
    expect(await docker('volume', 'ls', '--quiet', '--filter', `name=${run}`)).toBe('');
  });

  const states = async (): Promise<readonly string[]> =>
    (await stack.ps()).map(({ service, state }) => `${service} ${state}`).toSorted();
  const down = ['app exited', 'db exited', 'ice exited', 'off exited'];

  it('must keep everything down, and say so, while the data can be brought to neither end', async () => {
    await using running = await halfWay('--no-safety');
    await killBoth(running);
    const [here, away] = [join(backups, snapshot), join(stack.folder, 'away')];
    await rename(here, away);
    const recovered = await runTool(['recover'], { cwd: stack.folder });
    expect(recovered.exitCode).toBe(4);
    expect(recovered.stderr).toMatch(/half restored/);
    expect(recovered.stderr).toMatch(/Do not start it by hand/);
    expect(await states()).toEqual(down);
    expect(await versions()).toEqual(['old', 'new']);
    // Nor does any later command start them; it is tried again, in vain.
    expect((await runTool(['box'], { cwd: stack.folder })).exitCode).toBe(4);
    const { run, outcome } = await lastRun(backups);
    expect(outcome).not.toBe('complete');
    expect((await runTool(['recover', '--as-is', 'box'], { cwd: stack.folder })).exitCode).toBe(2);
    expect(await states()).toEqual(down);
    await rename(away, here);
    const again = await runTool(['recover'], { cwd: stack.folder });
    expect(again.exitCode, again.stderr).toBe(0);
    await expectSettled('restored', 'old');
    book.survived('restore: neither the old data nor the new can be had', [{}]);
    expect(run).toBe((await lastRun(backups)).run);
  });

  it('must start what ran on the data as it stands, when that is what somebody wants', async () => {
    await using running = await halfWay('--no-safety');
    await killBoth(running);
    const [journal = ''] = await readdir(journalsPath(backups));
    const run = journal.replace(/\.json$/, '');
    const recovered = await runTool(['recover', '--as-is', run], { cwd: stack.folder });
    expect(recovered, recovered.stderr).toMatchObject({ exitCode: 3 });
    expect(await versions()).toEqual(['old', 'new']);
    expect(lasting(await stack.ps())).toEqual(lasting(before));
    expect(await leftoversIn(backups)).toEqual([]);
    expect(await lastRun(backups)).toMatchObject({ run, outcome: 'failed', restore: { data: 'as-is' } });
  });
});
