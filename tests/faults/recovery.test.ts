import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readHistory } from '../../src/catalog/history.ts';
import type { Journal } from '../../src/run/journal.ts';
import { journalsPath, temporariesPath } from '../../src/snapshot/layout.ts';
import {
  composeText,
  hostHook,
  lasting,
  leftoversIn,
  snapshotsIn,
  unwired,
  writeConfig,
} from '../support/backups.ts';
import { builtProgram } from '../support/built.ts';
import { docker } from '../support/containers.ts';
import { type Gate, gateIn } from '../support/gate.ts';
import { killGuardians } from '../support/guardians.ts';
import { bookOf } from '../support/reliability/book.ts';
import {
  type ContainerState,
  runTool,
  type ScratchStack,
  scratchStack,
  spawnTool,
} from '../support/scratch.ts';
import { backupsOf } from '../support/trial.ts';
import { until } from '../support/until.ts';

const book = bookOf('recovery');

const secret = 'pw-0f-a-hook';

/** `needy` can only start while a file is there; `job` ends when it is told to. */
const compose = composeText(
  {
    db: unwired({ volumes: ['data:/data'], restart: 'always' }),
    needy: unwired({
      depends_on: ['db'],
      volumes: [
        {
          type: 'bind',
          source: './needed',
          target: '/needed',
          read_only: true,
          bind: { create_host_path: false },
        },
      ],
    }),
    job: unwired({
      command: ['sh', '-c', 'trap "exit 0" TERM; until test -e /go/end; do sleep 0.1; done'],
      volumes: ['./go:/go:ro'],
    }),
  },
  { volumes: { data: {} } },
);

describe('what a killed run has left', () => {
  let stack: ScratchStack;
  let gate: Gate;
  let backups: string;
  let before: readonly ContainerState[];

  const told = (): Promise<string> => readFile(join(stack.folder, 'told'), 'utf8').catch(() => '');
  const tool = (...args: readonly string[]) => runTool(args, { cwd: stack.folder });
  const states = async () => lasting(await stack.ps());
  const stateOf = async (service: string) => (await stack.ps()).find((one) => one.service === service)?.state;
  const isDown = async (): Promise<boolean> => (await stack.ps()).every((one) => one.state === 'exited');

  beforeAll(async () => {
    stack = await scratchStack(compose, { files: { 'go/here': '', needed: 'something' } });
    backups = backupsOf(stack);
    gate = await gateIn(stack.folder);
    await stack.up();
  });
  afterAll(async () => {
    await gate?.[Symbol.asyncDispose]();
    await stack?.down();
  });
  beforeEach(async () => {
    await stack.up();
    before = await stack.ps();
    expect(before.map((one) => one.state)).toEqual(['running', 'running', 'running']);
    await rm(join(stack.folder, 'told'), { force: true });
    const tells = ['sh', '-c', 'echo "$STACK_BACKUP_OUTCOME $1" >>told', 'sh', secret];
    const hooks = [hostHook('gate', gate.command), hostHook('tells', tells, { phase: 'finally' })];
    await writeConfig(stack.folder, { it: { project: stack.project, hooks } });
  });
  afterEach(async () => {
    const left = await leftoversIn(backups);
    if (left.length > 0) await runTool(['recover'], { cwd: stack.folder });
    expect(left).toEqual([]);
  });

  /** A backup that is killed in its window; its guardian too, unless it is to act. */
  const killInTheWindow = async (guardian: 'acts' | 'dies'): Promise<void> => {
    await using running = spawnTool(['it'], { cwd: stack.folder });
    await running.line(/hook gate .* begins/);
    if (guardian === 'dies') await killGuardians(backups);
    running.kill('SIGKILL');
    await running.ended;
  };
  const journal = async (): Promise<Journal> => {
    const [name = 'none'] = await readdir(journalsPath(backups));
    return JSON.parse(await readFile(join(journalsPath(backups), name), 'utf8')) as Journal;
  };
  const lastRecord = async () => (await readHistory(backups)).at(-1);

  it('must be told to its finally hooks by the guardian, once, when the services are back', async () => {
    const known = (await readHistory(backups)).length;
    await killInTheWindow('acts');
    await until('the run is over', async () => (await leftoversIn(backups)).length === 0);
    expect(await states()).toEqual(lasting(before));
    expect(await told()).toBe(`killed ${secret}\n`);
    expect(await lastRecord()).toMatchObject({ outcome: 'failed', error: { code: 'died' }, warnings: [] });
    expect(await tool('recover')).toMatchObject({ exitCode: 0, stdout: 'nothing to recover\n' });
    expect(await told()).toBe(`killed ${secret}\n`);
    expect(await readHistory(backups)).toHaveLength(known + 1);
  });

  it('must be put right, with a warning, also when the configuration with the hooks is gone', async () => {
    await killInTheWindow('dies');
    const text = JSON.stringify(await journal());
    expect(text).toContain('backup.config.yaml');
    expect(text).not.toContain(secret);
    await rename(join(stack.folder, 'backup.config.yaml'), join(stack.folder, 'gone.yaml'));
    expect(await tool('recover', '--backups', backups)).toMatchObject({ exitCode: 3 });
    expect(await states()).toEqual(lasting(before));
    expect(await told()).toBe('');
    expect(await lastRecord()).toMatchObject({ warnings: [{ code: 'hooks-not-run' }] });
  });

  it('must be named and kept while a service cannot be started, and put right once it can', async () => {
    const known = (await readHistory(backups)).length;
    await killInTheWindow('dies');
    const needed = join(stack.folder, 'needed');
    await rename(needed, `${needed}.away`);
    for (const _again of [1, 2]) {
      const tried = await tool('recover');
      expect(tried.exitCode, tried.stderr).toBe(4);
      expect(tried.stderr).toContain(`${stack.project}-needy-1`);
      expect([await stateOf('db'), await stateOf('needy')]).not.toContain('paused');
      expect(await stateOf('db')).toBe('running');
      expect(await journal()).toMatchObject({ told: 'services-down', containers: [{ service: 'needy' }] });
    }
    expect(await readHistory(backups)).toHaveLength(known + 1);
    expect(await lastRecord()).toMatchObject({ outcome: 'services-down', down: [{ service: 'needy' }] });
    await rename(`${needed}.away`, needed);
    const good = await tool('recover');
    expect(good.exitCode, good.stderr).toBe(0);
    expect(await states()).toEqual(lasting(before));
    expect(await told()).toBe(`services-down ${secret}\nrecovered ${secret}\n`);
  });

  it('must be named once, and not kept, when a container was removed meanwhile', async () => {
    await killInTheWindow('dies');
    await docker('rm', await stack.container('needy'));
    const tried = await tool('recover');
    expect(tried.exitCode, tried.stderr).toBe(4);
    expect(tried.stderr).toContain(`${stack.project}-needy-1`);
    expect([await stateOf('db'), await stateOf('job')]).toEqual(['running', 'running']);
    expect(await tool('recover')).toMatchObject({ exitCode: 0, stdout: 'nothing to recover\n' });
  });

  it('must leave in peace what was recreated meanwhile', async () => {
    await killInTheWindow('dies');
    await stack.compose('up', '-d', '--pull', 'never', '--force-recreate', 'db', 'needy');
    const recreated = await stack.ps();
    const tried = await tool('recover');
    expect(tried.exitCode, tried.stderr).toBe(0);
    const now = await stack.ps();
    for (const service of ['db', 'needy'])
      expect(now.find((one) => one.service === service)).toEqual(
        recreated.find((one) => one.service === service),
      );
    expect(await stateOf('job')).toBe('running');
  });

  it('must not start what had ended by itself before anything was stopped', async () => {
    const hooks = [hostHook('early', gate.command, { phase: 'before-stop' }), hostHook('gate', gate.command)];
    await writeConfig(stack.folder, { it: { project: stack.project, hooks } });
    await using running = spawnTool(['it'], { cwd: stack.folder });
    await running.line(/hook early .* begins/);
    const end = join(stack.folder, 'go/end');
    await writeFile(end, '');
    await until('the job has ended', async () => (await stateOf('job')) === 'exited');
    await rm(end);
    await gate.open();
    await running.line(/hook gate .* begins/);
    await killGuardians(backups);
    running.kill('SIGKILL');
    await running.ended;
    expect(await isDown()).toBe(true);
    expect((await tool('recover')).exitCode).toBe(0);
    expect([await stateOf('db'), await stateOf('needy'), await stateOf('job')]).toEqual([
      'running',
      'running',
      'exited',
    ]);
  });

  it('must be told where it cannot be put right, and put right by whatever command comes next', async () => {
    await killInTheWindow('dies');
    const { id } = await journal();
    const withoutEngine = { cwd: stack.folder, env: { DOCKER_HOST: 'unix:///nowhere.sock' } };
    for (const { exitCode, stderr } of [
      await tool('it', '--dry-run'),
      await runTool(['list'], withoutEngine),
    ]) {
      expect(exitCode, stderr).toBe(0);
      expect(stderr.split('\n').filter((line) => line.includes(id))).toHaveLength(1);
      expect(stderr).toContain('stack-backup recover');
    }
    expect(await isDown()).toBe(true);
    expect((await journal()).id).toBe(id);
    const listed = await tool('list', '--json');
    expect([listed.exitCode, Array.isArray(JSON.parse(listed.stdout))], listed.stderr).toEqual([0, true]);
    expect(await states()).toEqual(lasting(before));
    expect(await told()).toBe(`killed ${secret}\n`);
    expect(await lastRecord()).toMatchObject({ run: id, outcome: 'failed', error: { code: 'died' } });

    await killInTheWindow('dies');
    expect(await isDown()).toBe(true);
    // Nothing of the project runs: without the recovery it would be unknown.
    const written = await tool('init', stack.project, '--print');
    expect(written.exitCode, written.stderr).toBe(0);
    expect(await states()).toEqual(lasting(before));
  });

  it('must not be taken for an unknown project by a backup that needs no configuration', async () => {
    await killInTheWindow('dies');
    const nowhere = join(stack.folder, 'go');
    const made = await runTool([stack.project, '--backups', backups], { cwd: nowhere });
    expect(made.exitCode, made.stderr).toBe(0);
    expect(await states()).toEqual(lasting(before));
    expect((await snapshotsIn(backups)).some((path) => path.includes(stack.project))).toBe(true);
  });

  describe('and a second run while the first is at work', () => {
    const unconfigured = ['--backups'] as const;

    it('must be locked, not unknown, when nothing of the project runs; and wait when it is told to', async () => {
      const nowhere = { cwd: join(stack.folder, 'go') };
      const begun = new Date();
      await using first = spawnTool(['it'], { cwd: stack.folder });
      await first.line(/hook gate .* begins/);
      expect(await isDown()).toBe(true);
      const name = [stack.project, ...unconfigured, backups];
      const locked = await runTool(name, nowhere);
      expect(locked).toMatchObject({ exitCode: 5, stdout: '' });
      const { started = 'never', process: holder } = await journal();
      expect(locked.stderr).toContain(`in the hands of another run: pid ${holder.pid}, since `);
      const [, since = ''] = /since (\S+Z), while-stopped\b/.exec(locked.stderr) ?? [];
      expect([begun.toISOString(), since, started].toSorted(), locked.stderr).toEqual([
        begun.toISOString(),
        since,
        started,
      ]);
      expect(await runTool([...name, '--wait', '200ms'], nowhere)).toMatchObject({ exitCode: 5 });

      await using interrupted = spawnTool([...name, '--wait', '10m', '--json'], nowhere);
      await interrupted.line(/"waiting"/);
      interrupted.kill('SIGINT');
      expect(await interrupted.ended).toMatchObject({ exitCode: 130 });
      expect(await isDown()).toBe(true);
      expect(await leftoversIn(backups)).toHaveLength(2); // folder and journal of the first

      // Two at once, and one of them with two instances: all get their turn.
      await using other = await scratchStack(composeText({ app: unwired() }));
      await other.up();
      const instances = { a: { project: stack.project }, b: { project: other.project } };
      await writeConfig(other.folder, instances);
      await using both = spawnTool(['a', 'b', '--wait', '2m', '--backups', backups], { cwd: other.folder });
      await using third = spawnTool(['it', '--wait', '2m'], { cwd: stack.folder });
      await both.line(/another run is at work: pid \d+, since .*, while-stopped/);
      await third.line(/another run is at work/);
      expect(await isDown()).toBe(true);
      await gate.open();
      await gate.open();
      for (const one of [first, both, third]) expect((await one.ended).exitCode, one.stderr).toBe(0);
      expect(await states()).toEqual(lasting(before));
    });

    it('must find what it waited for dead and put right, and go on', async () => {
      await using first = spawnTool(['it'], { cwd: stack.folder });
      await first.line(/hook gate .* begins/);
      await using second = spawnTool([stack.project, '--backups', backups, '--wait', '2m'], {
        cwd: join(stack.folder, 'go'),
      });
      await second.line(/another run is at work/);
      await killGuardians(backups);
      first.kill('SIGKILL');
      expect((await second.ended).exitCode, second.stderr).toBe(0);
      expect(await states()).toEqual(lasting(before));
      expect((await readHistory(backups)).slice(-2)).toMatchObject([
        { instance: 'it', error: { code: 'died' } },
        { instance: stack.project, outcome: 'complete' },
      ]);
    });
  });

  /** `script` gives it a terminal of its own, which is gone with it. */
  const inTerminal = () => {
    const command = `exec ${process.execPath} ${builtProgram} it`;
    const through = ['script', '--quiet', '--flush', '--return', '/dev/null', '--command', command];
    const [program = '', ...args] = through;
    return spawn(program, args, { cwd: stack.folder, stdio: ['pipe', 'pipe', 'ignore'] });
  };

  it('must be put right when the terminal goes away, as when an ssh connection breaks', async () => {
    const terminal = inTerminal();
    terminal.stdout.resume();
    const phase = () =>
      journal().then(
        (one) => one.phase,
        () => undefined,
      );
    await until('all is quiet', async () => (await phase()) === 'while-stopped');
    const from = Date.now();
    terminal.kill('SIGKILL');
    await until('the run is over', async () => (await leftoversIn(backups)).length === 0);
    const backMs = Date.now() - from;
    expect(await states()).toEqual(lasting(before));
    expect(await lastRecord()).toMatchObject({ outcome: 'interrupted' });
    await expect(access(temporariesPath(backups))).resolves.toBeUndefined();
    book.survived('terminal closed', [{ backMs }]);
  });

  it('must not stay down while a terminal stands still (Ctrl-S, an ssh connection that hangs)', async () => {
    const known = (await readHistory(backups)).length;
    const terminal = inTerminal();
    const ended = once(terminal, 'exit');
    let shownAt = performance.now();
    terminal.stdout.on('data', () => {
      shownAt = performance.now();
    });
    const phase = () =>
      journal().then(
        (one) => one.phase,
        () => undefined,
      );
    await until('all is quiet', async () => (await phase()) === 'while-stopped');
    terminal.stdin.write('\x13');
    // It is drawn on ten times a second.
    await until('the terminal stands still', async () => performance.now() - shownAt > 1_500);
    await gate.open();
    await until('the run is in the history', async () => (await readHistory(backups)).length > known);
    expect(await states()).toEqual(lasting(before));
    expect(await lastRecord()).toMatchObject({ outcome: 'complete' });
    terminal.stdin.write('\x11');
    expect(await ended).toEqual([0, null]);
  });
});
