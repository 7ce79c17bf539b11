import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/base/process.ts';
import {
  composeText,
  holdersOf,
  hostHook,
  lasting,
  leftoversIn,
  newestManifest,
  snapshotsIn,
  unwired,
  writeConfig,
} from '../support/backups.ts';
import { builtProgram } from '../support/built.ts';
import { docker } from '../support/containers.ts';
import { type Gate, gateIn } from '../support/gate.ts';
import { must } from '../support/odd-tree.ts';
import { type RunningTool, type ScratchStack, scratchStack, spawnTool } from '../support/scratch.ts';
import { backUpWith, backupsOf, type Settings, type Trial } from '../support/trial.ts';

/** One handler hears them all: each moment gets one (tests/faults/boundaries has every moment there is). */
const signals = {
  int: ['SIGINT', 130],
  term: ['SIGTERM', 143],
  hup: ['SIGHUP', 129],
} as const;

const mountpoint = (volume: string): Promise<string> =>
  docker('volume', 'inspect', '--format', '{{.Mountpoint}}', volume);

/** Everything as before, nothing kept, and the history knows. */
const expectInterrupted = (trial: Trial, exitCode: number): void => {
  expect(trial.ended.exitCode, trial.ended.stderr).toBe(exitCode);
  expect(lasting(trial.after)).toEqual(lasting(trial.before));
  expect({ made: trial.made, left: trial.left }).toEqual({ made: [], left: [] });
  expect(trial.record).toMatchObject({ outcome: 'interrupted', error: { code: 'interrupted' }, down: [] });
};

const expectNextSucceeds = async (stack: ScratchStack): Promise<void> => {
  const next = await backUpWith(stack, {});
  expect(next.ended.exitCode, next.ended.stderr).toBe(0);
  expect(next.made).toHaveLength(1);
  expect(next.left).toEqual([]);
  expect(lasting(next.after)).toEqual(lasting(next.before));
};

describe('a signal while hooks run, containers stop, or all is quiet', () => {
  let stack: ScratchStack;
  let gate: Gate;
  let slow: string;

  beforeAll(async () => {
    const top = 'trap "test -e /data/slow && sleep 1; exit 0" TERM; sleep infinity & wait';
    stack = await scratchStack(
      composeText(
        {
          base: unwired({ volumes: ['data:/data'], restart: 'always' }),
          frozen: unwired(),
          top: unwired({ command: ['sh', '-c', top], volumes: ['data:/data'], depends_on: ['base'] }),
        },
        { volumes: { data: {} } },
      ),
    );
    await stack.up();
    slow = join(await mountpoint(`${stack.project}_data`), 'slow');
    gate = await gateIn(stack.folder);
  });
  afterAll(async () => {
    await gate?.[Symbol.asyncDispose]();
    await stack?.down();
  });

  /** What the hook that hears of the outcome was told last. */
  const told = (): Promise<string> => readFile(join(stack.folder, 'told'), 'utf8');
  const tells = ['sh', '-c', 'echo "$STACK_BACKUP_OUTCOME" >told'];
  const settings = (phase: string): Settings => ({
    services: { frozen: { quiesce: 'pause' } },
    hooks: [hostHook('gate', gate.command, { phase }), hostHook('tells', tells, { phase: 'finally' })],
  });

  const interruptedAt = async (signal: NodeJS.Signals, phase: string, line: RegExp): Promise<Trial> =>
    backUpWith(stack, settings(phase), async (tool) => {
      await tool.line(line);
      tool.kill(signal);
    });

  describe.each([
    ['before-stop', signals.int],
    ['while-stopped', signals.term],
    ['after-start', signals.hup],
  ] as const)('in a hook of phase %s', (phase, one) => {
    it.each([one])('must put everything back at %s and end with %i', async (signal, exitCode) => {
      const trial = await interruptedAt(signal, phase, /hook gate .* begins/);
      expectInterrupted(trial, exitCode);
      expect(await told()).toBe('interrupted\n');
      const waiting = await run(['pgrep', '-f', join(stack.folder, 'gate.fifo')]);
      expect(waiting.stdout.toString()).toBe('');
      const again = trial.after.map((one, at) => one.startedAt !== trial.before[at]?.startedAt);
      expect(again).toEqual(phase === 'before-stop' ? [false, false, false] : [true, false, true]);
    });
  });

  describe('in the first stop', () => {
    beforeAll(() => writeFile(slow, ''));
    afterAll(() => rm(slow));
    it.each([signals.int])('must put everything back at %s and end with %i', async (signal, exitCode) => {
      const trial = await interruptedAt(signal, 'while-stopped', /stopping wave 1\//);
      expectInterrupted(trial, exitCode);
      // The first was asked to stop already; the one it needs is spared.
      expect(trial.ended.stderr).not.toContain('base-1 stopped');
      expect(trial.ended.stderr).not.toContain('hook gate');
    });
  });

  it('must succeed the next time', () => expectNextSucceeds(stack));
});

describe('a signal while bytes move', () => {
  let stack: ScratchStack;

  beforeAll(async () => {
    stack = await scratchStack(
      composeText(
        { base: unwired({ volumes: ['data:/data'], restart: 'on-failure:4' }) },
        { volumes: { data: {} } },
      ),
    );
    await stack.up();
    const data = await mountpoint(`${stack.project}_data`);
    // Long enough to be met at work, by any disk: no holes, nothing to share, and nothing to be hashed ahead.
    await must(['dd', 'if=/dev/urandom', 'of=large', 'bs=1M', 'count=500', 'status=none'], data);
    await must(['split', '-b', '512K', 'large'], data);
    await must(['rm', 'large'], data);
  });
  afterAll(() => stack?.down());

  describe.each([
    ['in a copy', 'host', /copying sb-test.*entr/, /copied sb-test/],
    ['in a copy through the engine', 'api', /copying sb-test/, /copied sb-test/],
    ['in the hashing', 'host', / hashing$/, / publishing$/],
  ])('%s', (_name, copy, line, tooLate) => {
    it.each([signals.term])('must put everything back at %s and end with %i', async (signal, exitCode) => {
      const trial = await backUpWith(stack, { copy }, async (tool) => {
        await tool.line(line);
        tool.kill(signal);
      });
      expectInterrupted(trial, exitCode);
      expect(await holdersOf(trial.record.run)).toEqual([]);
      expect(trial.ended.stderr.split('\n').filter((one) => tooLate.test(one))).toEqual([]);
    });
  });

  it('must succeed the next time', () => expectNextSucceeds(stack));
});

describe('signals and readers that come at a bad time', () => {
  let stack: ScratchStack;
  let gate: Gate;

  beforeAll(async () => {
    stack = await scratchStack(
      composeText(
        {
          base: unwired({
            volumes: ['data:/data'],
            healthcheck: { test: ['CMD', 'true'], interval: '1s' },
            restart: 'always',
          }),
          top: unwired({ depends_on: { base: { condition: 'service_healthy' } } }),
        },
        { volumes: { data: {} } },
      ),
    );
    await stack.up('--wait');
    gate = await gateIn(stack.folder);
  });
  afterAll(async () => {
    await gate?.[Symbol.asyncDispose]();
    await stack?.down();
  });

  const quiet = (): Settings => ({ hooks: [hostHook('gate', gate.command)] });
  const inTheWindow = (tool: RunningTool): Promise<string> => tool.line(/hook gate .* begins/);

  it('must bring services back whatever further signals say', async () => {
    const trial = await backUpWith(stack, quiet(), async (tool) => {
      await inTheWindow(tool);
      tool.kill('SIGINT');
      await tool.line(/base-1 started after/);
      // It is not healthy yet: `top` waits for that.
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGINT'] as const) tool.kill(signal);
    });
    expectInterrupted(trial, 130);
    expect(trial.ended.stderr).toMatch(/top-1 started after/);
    // It is said once that they change nothing, however many come.
    expect(trial.ended.stderr.match(/further signals change nothing/g)).toHaveLength(1);
  });

  it('must not be suspended with services down', async () => {
    const trial = await backUpWith(stack, quiet(), async (tool) => {
      await inTheWindow(tool);
      tool.kill('SIGTSTP');
      await gate.open();
    });
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(0);
    expect(lasting(trial.after)).toEqual(lasting(trial.before));
  });

  it('must finish a run whose readers have gone away', async () => {
    const trial = await backUpWith(stack, quiet(), async (tool) => {
      await inTheWindow(tool);
      tool.child.stdout?.destroy();
      tool.child.stderr?.destroy();
      await gate.open();
    });
    expect(trial.ended.exitCode).toBe(0);
    expect(lasting(trial.after)).toEqual(lasting(trial.before));
    expect(trial.made).toEqual([trial.record.path]);
    expect(trial.left).toEqual([]);
  });

  it('must bring services back when the terminal is closed', async () => {
    const trial = await backUpWith(stack, quiet(), async (tool) => {
      await inTheWindow(tool);
      tool.child.stdout?.destroy();
      tool.child.stderr?.destroy();
      tool.kill('SIGHUP');
    });
    expectInterrupted({ ...trial, ended: { ...trial.ended, stderr: '' } }, 129);
  });

  it('must not wait, with services down, for a reader that takes nothing', async () => {
    await writeConfig(stack.folder, { it: { project: stack.project } });
    const before = lasting(await stack.ps());
    const earlier = await snapshotsIn(backupsOf(stack));
    const path = join(stack.folder, 'full.fifo');
    await must(['mkfifo', path]);
    const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    try {
      expect(() => {
        for (;;) writeSync(reader, Buffer.alloc(4096));
      }).toThrow('EAGAIN');
      const child = spawn(process.execPath, [builtProgram, 'it', '--json'], {
        cwd: stack.folder,
        stdio: ['ignore', writer, writer],
        timeout: 60_000,
        killSignal: 'SIGKILL',
      });
      expect(await once(child, 'close')).toEqual([0, null]);
    } finally {
      closeSync(writer);
      closeSync(reader);
    }
    expect(lasting(await stack.ps())).toEqual(before);
    const made = (await snapshotsIn(backupsOf(stack))).filter((one) => !earlier.includes(one));
    expect(made).toEqual([(await newestManifest(backupsOf(stack))).folder]);
    expect(await leftoversIn(backupsOf(stack))).toEqual([]);
  });

  it('must stop before the next instance when it is interrupted in one', async () => {
    await writeConfig(stack.folder, {
      it: { project: stack.project, ...quiet() },
      other: { project: 'never-reached' },
    });
    const before = lasting(await stack.ps());
    await using tool = spawnTool(['it', 'other'], { cwd: stack.folder });
    await inTheWindow(tool);
    tool.kill('SIGTERM');
    const ended = await tool.ended;
    expect(ended.exitCode, ended.stderr).toBe(143);
    expect(ended.stderr).not.toContain('never-reached');
    expect(lasting(await stack.ps())).toEqual(before);
  });
});
