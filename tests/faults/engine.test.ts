import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as passing } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory } from '../../src/catalog/history.ts';
import { holdersOf, lasting, leftoversIn } from '../support/backups.ts';
import { docker } from '../support/containers.ts';
import { heldSync } from '../support/held-sync.ts';
import { bookOf } from '../support/reliability/book.ts';
import type { FaultName } from '../support/reliability/kinds.ts';
import {
  type ContainerState,
  type RunningTool,
  type ScratchStack,
  scratchStack,
  spawnTool,
  type ToolResult,
} from '../support/scratch.ts';
import { type SecondEngine, secondEngine } from '../support/second-engine.ts';
import { until } from '../support/until.ts';
import { lazyStack, mainStack } from './engine/stack.ts';
import { atGate, backUp, backupsOf, guardianOf, lastBack, type Trial, warningsOf } from './engine/trial.ts';

/** How long an engine hangs in these tests: longer than `limits.max_downtime` where that is set, ms. */
const hangMs = 1_500;

const book = bookOf('engine');
let engine: SecondEngine;

/** When the engine has become usable again, ms since 1970. */
const startEngine = async (): Promise<number> => {
  await engine.start();
  return Date.now();
};
const restart = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<number> => {
  await engine.end(signal);
  return startEngine();
};
const hang = async (): Promise<number> => {
  engine.signal('SIGSTOP');
  await passing(hangMs);
  engine.signal('SIGCONT');
  return Date.now();
};

beforeAll(async () => {
  engine = await secondEngine();
  process.env.DOCKER_HOST = engine.host;
  await engine.load('debian:bookworm-slim');
});
afterAll(async () => {
  delete process.env.DOCKER_HOST;
  await engine?.[Symbol.asyncDispose]();
});

describe('an engine that goes away while services are down', () => {
  let stack: ScratchStack;
  let before: readonly ContainerState[];
  const backups = (): string => backupsOf(stack);
  const isHealthy = () =>
    until('db is healthy', async () => (await stack.ps()).some((one) => one.health === 'healthy'));

  beforeAll(async () => {
    stack = await scratchStack(mainStack);
    await stack.up();
    await isHealthy();
    await stack.compose('stop', 'off');
    before = await stack.ps();
  });
  afterAll(() => stack?.down());

  /** All runs as before; nothing is left of the run. `since`: when all was there that the way back needed. */
  const expectBack = async (kind: FaultName, ended: ToolResult, since: number): Promise<void> => {
    expect(lasting(await stack.ps()), ended.stdout + ended.stderr).toEqual(lasting(before));
    expect(await leftoversIn(backups())).toEqual([]);
    book.survived(kind, [{ backMs: Math.max(0, lastBack(ended) - since) }]);
  };
  const expectSnapshot = (trial: Trial, outcome: string, exitCode: number): void => {
    expect(trial.ended.exitCode, trial.ended.stdout).toBe(exitCode);
    expect(trial.made).toHaveLength(1);
    expect(trial.remembered).toMatchObject([{ outcome, path: trial.made[0], down: [] }]);
  };
  const expectNone = (trial: Trial, code: string): void => {
    expect(trial.ended.exitCode, trial.ended.stdout).toBe(1);
    expect(trial.made).toEqual([]);
    expect(trial.remembered).toMatchObject([{ outcome: 'failed', error: { code }, down: [] }]);
  };

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'must cost nothing when it was restarted by %s and is back before the copy ends',
    async (signal) => {
      let since = 0;
      const trial = await backUp(stack, {}, async (tool, gate) => {
        await atGate(tool);
        since = await restart(signal);
        await gate.open();
      });
      expectSnapshot(trial, 'complete', 0);
      expect(warningsOf(trial)).toContain('engine-away');
      await expectBack('engine restarted during the copy', trial.ended, since);
    },
  );

  it('must be waited for when it is not back when the copy ends', async () => {
    let since = 0;
    const trial = await backUp(stack, {}, async (tool, gate) => {
      await atGate(tool);
      await engine.end('SIGKILL');
      await gate.open();
      expect(await tool.line(/waiting for it to come back/)).toContain('for up to 10 min');
      since = await startEngine();
    });
    expectSnapshot(trial, 'complete-with-warnings', 3);
    await expectBack('engine away at the end of the copy', trial.ended, since);
  });

  it('must fail the run and say why when its restart has ended what was frozen', async () => {
    let since = 0;
    const settings = { services: { lone: { quiesce: 'pause' } } };
    const trial = await backUp(stack, settings, async (tool, gate) => {
      await atGate(tool);
      since = await restart('SIGTERM');
      await gate.open();
    });
    expectNone(trial, 'stack-changed');
    expect(trial.remembered[0]?.error?.message).toMatch(/lone-1 was ended .* when the engine was restarted/);
    await expectBack('engine restarted while services are frozen', trial.ended, since);
  });

  it('must cost nothing with live-restore, frozen services included', async () => {
    let since = 0;
    await engine.keepContainers(true);
    const settings = { services: { lone: { quiesce: 'pause' } } };
    const trial = await backUp(stack, settings, async (tool, gate) => {
      await atGate(tool);
      since = await restart('SIGTERM');
      await gate.open();
    });
    await engine.keepContainers(false);
    expectSnapshot(trial, 'complete', 0);
    await expectBack('engine with live-restore restarted', trial.ended, since);
  });

  it('must fail the run when it is killed while it sends the copy', async () => {
    const folder = await docker('volume', 'inspect', '-f', '{{.Mountpoint}}', `${stack.project}_app`);
    const file = join(folder, 'long');
    await writeFile(file, '');
    await truncate(file, 8 * 2 ** 30);
    let since = 0;
    const trial = await backUp(stack, { hooks: [], copy: 'api', include: ['*_app'] }, async (tool) => {
      await tool.line(/"copy-progress","mount":".*_app","bytes":[1-9]/);
      // They wait for no copy. Killed over their start, this engine loses track of them ("task already exists").
      for (const service of ['db', 'lone'])
        await tool.line(new RegExp(`"action":"started","service":"${service}"`));
      since = await restart('SIGKILL');
    });
    await rm(file);
    expectNone(trial, 'copy-failed');
    const run = trial.events.find((event) => event.type === 'run-started')?.id ?? '';
    expect(await holdersOf(run)).toEqual([]);
    await expectBack('engine killed while it sends the copy', trial.ended, since);
  });

  it.each([
    ['over a stop', /"wave","action":"stop","wave":2/],
    ['when the services are to come back', /"phase":"starting"/],
  ])('must be waited for when it hangs %s', async (_moment, line) => {
    let since = 0;
    const trial = await backUp(stack, {}, async (tool, gate) => {
      await gate.open();
      await tool.line(line);
      since = await hang();
    });
    expectSnapshot(trial, 'complete', 0);
    await expectBack('engine hangs for a while', trial.ended, since);
  });

  it('must be looked at anew when it is killed over a stop', async () => {
    let since = 0;
    const trial = await backUp(stack, {}, async (tool, gate) => {
      await gate.open();
      await tool.line(/"wave","action":"stop","wave":2/);
      engine.signal('SIGSTOP'); // what is asked from now on gets no answer
      since = await restart('SIGKILL');
    });
    // An answer may have come just before; then all is quiet, and stays so over the restart.
    const isStopLost = trial.made.length === 0;
    expect(trial.ended.exitCode, trial.ended.stdout).toBe(isStopLost ? 1 : 3);
    expect(trial.remembered).toMatchObject([{ outcome: isStopLost ? 'failed' : 'complete-with-warnings' }]);
    if (isStopLost) expect(trial.remembered[0]?.error?.code).toBe('stop-failed');
    await expectBack('engine killed over a stop', trial.ended, since);
  });

  it('must not keep the run beyond limits.max_downtime when it hangs over a stop', async () => {
    let since = 0;
    const trial = await backUp(stack, { limits: { max_downtime: '1s' } }, async (tool) => {
      await tool.line(/"wave","action":"stop","wave":2/);
      since = await hang();
    });
    expectNone(trial, 'timeout');
    await expectBack('engine hangs beyond limits.max_downtime', trial.ended, since);
  });

  /** `recover`, begun before there is an engine, as at boot. */
  const recoverAtBoot = async (): Promise<{ readonly ended: ToolResult; readonly since: number }> => {
    await using tool = spawnTool(['recover', '--wait-for-engine', '--json'], { cwd: stack.folder });
    await tool.line(/waiting for it/);
    const since = await startEngine();
    return { ended: await tool.ended, since };
  };

  it('must leave a journal when it is gone for good, and recover brings all back once it is there', async () => {
    const trial = await backUp(stack, { limits: { engine: '1s' } }, async (tool, gate) => {
      await atGate(tool);
      await engine.end('SIGKILL');
      await gate.open();
    });
    expect(trial.ended.exitCode, trial.ended.stdout).toBe(4);
    expect(trial.made).toEqual([]);
    const services = trial.remembered[0]?.down.map((one) => one.service).toSorted();
    expect(services).toEqual(['app', 'db', 'lone', 'net']);
    for (const name of ['app', 'db', 'lone', 'net'])
      expect(trial.ended.stdout).toContain(`${stack.project}-${name}-1 could not be brought back`);
    expect(trial.left).toEqual([expect.stringMatching(/\.json$/)]);

    const { ended, since } = await recoverAtBoot();
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0);
    await expectBack('engine gone for good, then recover', ended, since);
  });

  const killAll = async (tool: RunningTool): Promise<void> => {
    const guardian = await guardianOf(backups());
    tool.kill('SIGKILL');
    process.kill(guardian, 'SIGKILL');
    await engine.cutPower();
  };

  it.each([
    ['before the copy', /"hook-started"/],
    ['while services are stopped', /"wave","action":"stop","wave":2/],
  ] as const)('must be survived when the power goes %s', async (_moment, line) => {
    const trial = await backUp(stack, {}, async (tool) => {
      await tool.line(line);
      await killAll(tool);
    });
    expect(trial.made).toEqual([]);
    const { ended, since } = await recoverAtBoot();
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0);
    expect((await readHistory(backups())).at(-1)).toMatchObject({
      outcome: 'failed',
      error: { code: 'died' },
    });
    await expectBack('power loss, then recover at boot', ended, since);
  });

  it('must be waited for by the guardian when the run was killed with it', async () => {
    const known = (await readHistory(backups())).length;
    await backUp(stack, {}, async (tool) => {
      await atGate(tool);
      tool.kill('SIGKILL');
      await engine.end('SIGKILL');
    });
    const since = await startEngine();
    await until('the guardian has recovered the run', async () => {
      const isOver = (await leftoversIn(backups())).length === 0;
      return isOver && (await readHistory(backups())).length > known;
    });
    const line = (await readHistory(backups())).at(-1);
    expect(line).toMatchObject({ outcome: 'failed', error: { code: 'died' }, down: [] });
    const at = line?.finished ?? '';
    const stdout = JSON.stringify({ type: 'container', action: 'started', at });
    await expectBack('run and engine killed, guardian alive', { exitCode: 0, stdout, stderr: '' }, since);
  });

  it('must be no hindrance to the next backup, nor to a restore of it over which it is restarted', async () => {
    const folder = await docker('volume', 'inspect', '-f', '{{.Mountpoint}}', `${stack.project}_app`);
    const file = join(folder, 'version');
    await writeFile(file, 'old');
    const trial = await backUp(stack, {}, async (_tool, gate) => gate.open());
    expectSnapshot(trial, 'complete', 0);
    expect(lasting(await stack.ps())).toEqual(lasting(before));
    await writeFile(file, 'new');
    const sync = await heldSync(stack.folder);
    // Everything is down, and what is there is kept: nothing has been overwritten yet.
    await sync.at('.stack-backup/tmp', 'hold');
    await using tool = spawnTool(['restore', 'it@latest', '--yes', '--json'], {
      cwd: stack.folder,
      env: sync.env,
    });
    await sync.held();
    const since = await restart('SIGKILL');
    await sync.release();
    const ended = await tool.ended;
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0);
    expect(await readFile(file, 'utf8')).toBe('old');
    expect((await readHistory(backups())).at(-1)).toMatchObject({
      kind: 'restore',
      restore: { data: 'restored' },
      down: [],
    });
    await expectBack('restore: engine restarted', ended, since);
  });
});

describe('a container that hangs while it is stopping', () => {
  it('must not hold the others down beyond limits.max_downtime', async () => {
    await using stack = await scratchStack(lazyStack);
    await stack.up();
    const before = await stack.ps();
    const trial = await backUp(stack, { limits: { max_downtime: '1s' } }, async (tool) => tool.ended);
    expect(trial.ended.exitCode, trial.ended.stdout).toBe(1);
    expect(trial.remembered).toMatchObject([{ error: { code: 'timeout' }, down: [] }]);
    expect(warningsOf(trial)).toContain('killed-while-stopping');
    // It has ten minutes.
    expect(trial.remembered[0]?.downtimeMs).toBeLessThan(60_000);
    expect(lasting(await stack.ps())).toEqual(lasting(before));
    expect(trial.left).toEqual([]);
    const back = trial.remembered[0]?.downtimeMs ?? 0;
    book.survived('container hangs while it is stopping', [{ backMs: Math.max(0, back - 1_000) }]);
  });
});
