import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory } from '../../src/catalog/history.ts';
import {
  composeText,
  hostHook,
  lasting,
  leftoversIn,
  manifestOf,
  snapshotsIn,
  writeConfig,
} from '../support/backups.ts';
import { gateIn } from '../support/gate.ts';
import { bookOf } from '../support/reliability/book.ts';
import { runTool, type ScratchStack, scratchStack, spawnTool } from '../support/scratch.ts';
import { backupsOf } from '../support/trial.ts';
import { livingBy, turn } from '../support/turned-clock.ts';
import { until } from '../support/until.ts';

const book = bookOf('clock');

const hours = 60 * 60 * 1000;
const minute = 60 * 1000;

describe('a clock that somebody turns during the run', () => {
  let stack: ScratchStack;
  let clock: string;
  let backups: string;

  beforeAll(async () => {
    const service = {
      image: 'debian:bookworm-slim',
      command: ['sleep', 'infinity'],
      init: true,
      network_mode: 'host',
    };
    stack = await scratchStack(
      composeText(
        {
          db: { ...service, restart: 'always', volumes: ['data:/data'] },
          app: { ...service, depends_on: ['db'] },
        },
        { volumes: { data: {} } },
      ),
    );
    clock = join(stack.folder, 'clock');
    backups = backupsOf(stack);
    await stack.up();
  });
  afterAll(() => stack?.down());

  /** A backup that is begun at `from` ms from now; in the window the clock is turned to `to`. */
  const turned = async (from: number, to: number, signal?: NodeJS.Signals) => {
    turn(clock, from);
    const before = lasting(await stack.ps());
    await using gate = await gateIn(stack.folder);
    await writeConfig(stack.folder, {
      it: {
        project: stack.project,
        limits: { max_downtime: '60s' },
        hooks: [hostHook('gate', gate.command)],
      },
    });
    await using tool = spawnTool(['it'], { cwd: stack.folder, env: livingBy(clock) });
    await tool.line(/hook gate .* begins/);
    turn(clock, to);
    if (signal === undefined) await gate.open();
    else tool.kill(signal);
    const ended = await tool.ended;
    return { ended, before };
  };

  it('must not matter: not to names, lengths of time, order, nor limits', async () => {
    // Each run begins where the clock was left by the one before it; 12 hours back, 10 days forward, 5 days back.
    const turns = [0, -12 * hours, 10 * 24 * hours, 9.5 * 24 * hours];
    for (const [at, from] of turns.slice(0, -1).entries()) {
      const { ended, before } = await turned(from, turns[at + 1] as number);
      expect(ended.exitCode, ended.stderr).toBe(0);
      expect(lasting(await stack.ps())).toEqual(before);
    }
    const last = await turned(turns.at(-1) as number, 0);
    expect(last.ended.exitCode, last.ended.stderr).toBe(0);

    const history = await readHistory(backups);
    const made = await snapshotsIn(backups);
    expect(history.map(({ path }) => path)).toEqual(made);
    for (const record of history) {
      for (const ms of [record.downtimeMs, record.windowMs, record.totalMs]) {
        expect(ms).toBeGreaterThan(0);
        expect(ms).toBeLessThan(minute);
      }
      expect(record.totalMs).toBeGreaterThanOrEqual(record.downtimeMs);
      expect(Date.parse(record.finished)).toBeGreaterThanOrEqual(
        Date.parse(record.started) + record.totalMs - 1000,
      );
      const { started, consistent, finished, downtime, hooks } = await manifestOf(record.path);
      expect([started, consistent, finished].toSorted()).toEqual([started, consistent, finished]);
      expect(downtime.maxMs).toBeLessThan(minute);
      expect(hooks.every(({ ms }) => ms >= 0 && ms < minute)).toBe(true);
    }
    const listed = await runTool(['list', 'it', '--json'], { cwd: stack.folder });
    const order = made.map((path) => listed.stdout.indexOf(basename(path)));
    expect(order).not.toContain(-1);
    expect(await runTool(['verify', 'it'], { cwd: stack.folder })).toMatchObject({ exitCode: 0 });
    expect((await runTool(['show', 'it'], { cwd: stack.folder })).stdout).toContain(
      basename(made.at(-1) ?? ''),
    );
    book.survived(
      'clock turned back or forward, up to 300 days',
      turns.map(() => ({})),
    );
  });

  it.each([
    ['back', -300 * 24 * hours],
    ['forward', 300 * 24 * hours],
  ])('must not make a dead run pass for a living one, or the other way: %s', async (_way, to) => {
    const known = (await readHistory(backups)).length;
    const { before } = await turned(0, to, 'SIGKILL');
    // The guardian lives by the same clock.
    await until('it was put right', async () => (await readHistory(backups)).length > known);
    await until('nothing is left', async () => (await leftoversIn(backups)).length === 0);
    expect(lasting(await stack.ps())).toEqual(before);
    const last = (await readHistory(backups)).at(-1);
    expect(last).toMatchObject({ outcome: 'failed', error: { code: 'died' } });
    expect(last?.totalMs).toBeGreaterThanOrEqual(0);
    book.survived('clock turned back or forward, up to 300 days', [{}]);
  });

  it('must not let a run be taken for dead that is at work', async () => {
    turn(clock, 0);
    await using gate = await gateIn(stack.folder);
    await writeConfig(stack.folder, {
      it: { project: stack.project, hooks: [hostHook('gate', gate.command)] },
    });
    await using tool = spawnTool(['it'], { cwd: stack.folder, env: livingBy(clock) });
    await tool.line(/hook gate .* begins/);
    for (const at of [-300 * 24 * hours, 300 * 24 * hours]) {
      turn(clock, at);
      const other = await runTool(['recover'], { cwd: stack.folder, env: livingBy(clock) });
      expect(other).toMatchObject({ exitCode: 0, stdout: 'nothing to recover\n' });
    }
    expect((await stack.ps()).map(({ state }) => state)).toEqual(['exited', 'exited']);
    await gate.open();
    // Of that, and of the snapshots from the future, the person is told.
    expect((await tool.ended).exitCode).toBe(3);
    expect((await readHistory(backups)).at(-1)?.warnings).toMatchObject([{ code: 'clock-behind' }]);
    book.survived('clock turned back or forward, up to 300 days', [{}, {}]);
  });
});
