import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  composeText,
  lasting,
  lastRun,
  leftoversIn,
  snapshotsIn,
  unwired,
  writeConfig,
} from '../support/backups.ts';
import { builtProgram } from '../support/built.ts';
import { docker, randomName } from '../support/containers.ts';
import { type LoopDisk, loopDisk } from '../support/loop-disk.ts';
import { runTool, type ScratchStack, scratchStack, type ToolResult } from '../support/scratch.ts';
import { until } from '../support/until.ts';

/** `one` and `two` share a volume, and so does somebody else; `three` has a folder, `four` a small disk. */
const services = {
  one: unwired({ volumes: ['shared:/shared', 'own:/own'], restart: 'always' }),
  two: unwired({ volumes: ['shared:/shared', 'private:/private'] }),
  three: unwired({ volumes: ['./bound:/bound'] }),
  four: unwired({ volumes: ['./small:/small'] }),
};

describe('a restore', { timeout: 180_000 }, () => {
  let stack: ScratchStack;
  let disk: LoopDisk;
  let backups: string;
  let snapshot: string;
  const stranger = randomName('stranger');
  const big = randomBytes(3 * 1024 * 1024);
  const files = new Map<string, string>();

  const tool = (...args: readonly string[]): Promise<ToolResult> => runTool(args, { cwd: stack.folder });
  const restore = (...args: readonly string[]): Promise<ToolResult> =>
    tool('restore', snapshot, '--yes', ...args);
  const write = async (version: string): Promise<void> => {
    for (const file of files.values()) await writeFile(file, version);
  };
  const versions = async (): Promise<Readonly<Record<string, string>>> =>
    Object.fromEntries(
      await Promise.all([...files].map(async ([name, file]) => [name, await readFile(file, 'utf8')])),
    );
  /** When each container was started last. */
  const starts = async (): Promise<Readonly<Record<string, string>>> => {
    const ids = await Promise.all(Object.keys(services).map((service) => stack.container(service)));
    const format = ['inspect', '--format', '{{.State.Running}} {{.State.StartedAt}}'];
    const told = (await docker(...format, ...ids, stranger)).split('\n');
    return Object.fromEntries(
      [...Object.keys(services), 'stranger'].map((name, at) => [name, told[at] ?? '']),
    );
  };
  /** Who was started again between two looks; all of them run. */
  const startedAgain = (
    before: Readonly<Record<string, string>>,
    after: Readonly<Record<string, string>>,
  ) => {
    expect(Object.values(after).every((one) => one.startsWith('true '))).toBe(true);
    return Object.keys(after).filter((name) => after[name] !== before[name]);
  };

  beforeAll(async () => {
    stack = await scratchStack(composeText(services, { volumes: { shared: {}, own: {}, private: {} } }), {
      files: { 'bound/file': 'old' },
    });
    disk = await loopDisk(join(stack.folder, 'small'), { mib: 8 });
    backups = join(stack.folder, 'backups');
    await writeFile(join(disk.path, 'big'), big);
    await stack.up();
    const mine = ['--label', 'io.stack-backup.test=1', '--volume', `${stack.project}_shared:/theirs`];
    await docker(
      'run',
      '-d',
      '--init',
      '--name',
      stranger,
      ...mine,
      'debian:bookworm-slim',
      'sleep',
      'infinity',
    );
    for (const volume of ['shared', 'own', 'private']) {
      const format = ['volume', 'inspect', '--format', '{{.Mountpoint}}'];
      files.set(volume, join(await docker(...format, `${stack.project}_${volume}`), 'version'));
    }
    await write('old');
    await writeConfig(stack.folder, { box: { project: stack.project } });
    const ended = await tool('box');
    expect([0, 3], ended.stderr).toContain(ended.exitCode); // that somebody else has a volume is a warning
    snapshot = basename((await snapshotsIn(backups))[0] ?? 'none');
  });
  afterAll(async () => {
    await docker('rm', '-fv', stranger).catch(() => undefined);
    await disk?.[Symbol.asyncDispose]();
    await stack?.down();
  });

  it('of one service must stop whoever shares its volumes, others only when told to, and leave the rest alone', async () => {
    await write('new');
    const before = await starts();
    const refused = await restore('--service', 'one');
    expect(refused).toMatchObject({ exitCode: 2 });
    expect(refused.stderr).toContain(stranger);
    expect(refused.stderr).toContain('--stop-others');
    expect(await starts()).toEqual(before);
    expect(await versions()).toEqual({ shared: 'new', own: 'new', private: 'new' });

    const ended = await restore('--service', 'one', '--stop-others');
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(await versions()).toEqual({ shared: 'old', own: 'old', private: 'new' });
    expect(startedAgain(before, await starts())).toEqual(['one', 'two', 'stranger']);
    expect(await leftoversIn(backups)).toEqual([]);
  });

  it('must ask on a terminal, naming what is overwritten and who is stopped, and do nothing without a yes', async () => {
    /** `script` gives it a terminal of its own; resolves with what was shown on it. */
    const answered = async (answer: string): Promise<{ exitCode: number | null; shown: string }> => {
      const inTerminal = ['script', '--quiet', '--flush', '--return', '/dev/null', '--command'];
      const command = `stty cols 500 && exec ${process.execPath} ${builtProgram} restore ${snapshot} --volume shared`;
      const [program = '', ...args] = [...inTerminal, command];
      const terminal = spawn(program, args, {
        cwd: stack.folder,
        env: { ...process.env, NO_COLOR: '1' },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      const ended = once(terminal, 'close'); // all of what it shows has come by then
      terminal.stdin.on('error', () => undefined); // it may have ended without asking
      let shown = '';
      terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
        shown += text;
      });
      await until('it asks', async () => shown.includes('[y/N]') || terminal.exitCode !== null);
      terminal.stdin.write(`${answer}\n`);
      await ended;
      terminal.stdin.destroy();
      return { exitCode: terminal.exitCode, shown };
    };
    await write('new');
    const before = await starts();
    const no = await answered('no');
    expect(no.exitCode, no.shown).toBe(2);
    const asked = no.shown.replace(/\s+/g, ' ');
    expect(asked).toMatch(
      new RegExp(`Overwrite ${stack.project}_shared, stop ${stranger} \\(no project\\) for it`),
    );
    expect(asked).toContain('nothing was touched');
    expect(await starts()).toEqual(before);
    expect(await versions()).toEqual({ shared: 'new', own: 'new', private: 'new' });

    const yes = await answered('y');
    expect(yes.exitCode, yes.shown).toBe(0);
    expect(await versions()).toEqual({ shared: 'old', own: 'new', private: 'new' });
    expect(startedAgain(before, await starts())).toEqual(['one', 'two', 'stranger']);
  });

  it('must make a folder of the host again that is gone', async () => {
    await rm(join(stack.folder, 'bound'), { recursive: true });
    const ended = await restore('--volume', join(stack.folder, 'bound'));
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(await readFile(join(stack.folder, 'bound/file'), 'utf8')).toBe('old');
    expect(await docker('exec', await stack.container('three'), 'cat', '/bound/file')).toBe('old');
    expect(await leftoversIn(backups)).toEqual([]);
  });

  describe('onto a disk that is full', () => {
    const path = () => join(disk.path, 'big');
    beforeAll(async () => {
      await rm(path());
      await disk.fill(1024 * 1024);
    });

    it('must leave the data as it was, running, and say what to do', async () => {
      const before = await stack.ps();
      const ended = await restore('--path', '/small/big');
      expect(ended).toMatchObject({ exitCode: 1 });
      expect(ended.stderr).toMatch(/No space left/i);
      expect(ended.stderr).toContain('the data is as it was before the restore');
      expect(ended.stderr).toMatch(/Free space/);
      expect(existsSync(path())).toBe(false);
      expect(lasting(await stack.ps())).toEqual(lasting(before));
      expect(await lastRun(backups)).toMatchObject({ restore: { data: 'rolled-back' }, down: [] });
      expect(await leftoversIn(backups)).toEqual([]);
    });

    it('must keep down what uses it where there is no way back, until there is room', async () => {
      const before = await stack.ps();
      const ended = await restore('--path', '/small/big', '--no-safety');
      expect(ended).toMatchObject({ exitCode: 4 });
      expect(ended.stderr).toMatch(/half restored/);
      expect(ended.stderr).toMatch(/Do not start it by hand/);
      const down = (await stack.ps()).filter(({ state }) => state !== 'running');
      expect(down.map(({ service }) => service)).toEqual(['four']);
      await disk.empty();
      const recovered = await tool('recover');
      expect(recovered.exitCode, recovered.stderr).toBe(0);
      expect((await readFile(path())).equals(big)).toBe(true);
      expect(lasting(await stack.ps())).toEqual(lasting(before));
      expect(await leftoversIn(backups)).toEqual([]);
    });
  });
});
