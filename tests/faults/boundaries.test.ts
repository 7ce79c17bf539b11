import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schemaPath } from '../../src/base/schema.ts';
import type { planToJson } from '../../src/plan/json.ts';
import { leftoversIn } from '../support/backups.ts';
import { bookOf } from '../support/reliability/book.ts';
import { runTool } from '../support/scratch.ts';
import { backUp, type Cell, leaveDown, tryFault, tryRecovery } from './boundaries/cell.ts';
import { boundaries, faultableBoundaries, inTurns, type Passed } from './boundaries/inject/boundaries.ts';
import type { FaultKind } from './boundaries/inject/order.ts';
import { faultLanes } from './boundaries/lanes.ts';
import { observe } from './boundaries/observe.ts';

/** Those that no backup enters: some are a restore's own. */
const notOfBackups = ['checking', 'cleaning-up', 'securing', 'restoring', 'loading', 'rolling-back'];

/** Every phase there is in a backup. */
const phases = (): readonly string[] => {
  const schema = JSON.parse(readFileSync(schemaPath('journal.schema.json'), 'utf8'));
  return schema.properties.phase.enum.filter((phase: string) => !notOfBackups.includes(phase));
};

const book = bookOf('matrix');

const journal = 'backups/.stack-backup/runs/<run>.json';

describe('a fault at each boundary between the steps of a backup', () => {
  let lanes: Awaited<ReturnType<typeof faultLanes>>;
  let trace: readonly Passed[];

  beforeAll(async () => {
    lanes = await faultLanes();
    const clean = await backUp(lanes.first());
    expect(clean.ended.exitCode, clean.ended.stderr).toBe(0);
    trace = clean.trace;
  });
  afterAll(() => lanes?.each((target) => target.discard()));

  it('must be tried at every phase, stop, start, freeze, copy and hook of the plan', async () => {
    const { stack } = lanes.first();
    const told = await runTool(['plan', 'box', '--json'], { cwd: stack.folder });
    const { stopWaves, copies, hooks } = JSON.parse(told.stdout) as ReturnType<typeof planToJson>;
    const planned = stopWaves.flat();
    expect(planned.map(({ service }) => service)).toEqual(['app', 'db', 'frozen']);
    const calls = { stop: ['stop', 'start'], pause: ['pause', 'unpause'] };
    const steps = [
      `after making backups/.stack-backup/tmp/<run>`,
      'started guardian',
      ...phases().map((phase) => `after naming ${journal} ${phase}`),
      ...planned.flatMap(({ service, action }) =>
        calls[action].map((call) => `after POST /containers/${service}/${call}`),
      ),
      ...['app', 'db'].flatMap((service) => [
        `after POST /containers/${service}/update`,
        `after POST /containers/${service}/update (2)`,
      ]),
      ...copies.map(({ name }) => `event copy-finished ${name.replace(`${stack.project}_`, '')}`),
      ...hooks.map(({ name }) => `event hook-finished ${name}`),
      'after naming backups/<snapshot>',
      'after adding to backups/.stack-backup/history.ndjson',
      `after removing ${journal}`,
    ];
    const tried = boundaries(trace);
    expect(steps.filter((step) => !tried.includes(step))).toEqual([]);
    const before = phases().map((phase) => `before naming ${journal} ${phase}`);
    const failing = faultableBoundaries(trace);
    expect(before.filter((step) => !failing.includes(step))).toEqual([]);
  });

  it('must have its journal on disk before the first effect, and before each phase that has some', () => {
    const names = trace.map(({ name }) => name);
    const at = (name: string): number => names.indexOf(name);
    const first = (what: RegExp): number => names.findIndex((name) => what.test(name));
    const written = (phase: string): number => at(`after naming ${journal} ${phase}`);
    expect(written('before-stop')).toBeGreaterThan(-1);
    expect(written('before-stop')).toBeLessThan(at('after making backups/.stack-backup/tmp/<run>'));
    expect(written('before-stop')).toBeLessThan(first(/^before POST /));
    expect(written('stopping')).toBeLessThan(first(/^before POST .*\/(update|stop|pause)$/));
    expect(written('starting')).toBeLessThan(first(/^before POST .*\/(start|unpause)$/));
    expect(at('started guardian')).toBeLessThan(first(/^before POST .*\/(update|stop|pause)$/));
  });

  const expectSurvived = (tried: readonly Cell[]): void => {
    book.tried(
      tried.map(({ kind, problems, backMs }) => ({ kind, isSurvived: problems.length === 0, backMs })),
    );
    const lost = tried.filter(({ problems }) => problems.length > 0);
    expect(lost.map(({ at, problems, said }) => ({ at, problems, said }))).toEqual([]);
    expect(tried.length).toBeGreaterThan(6);
  };
  /** `FAULTS=turns` gives each boundary one kind, in turn, and takes a sixth of the time: for work on it. */
  const share =
    (turn: number, from: (trace: readonly Passed[]) => readonly string[]) =>
    (all: readonly Passed[]): readonly string[] =>
      from(all).filter((_, place) => process.env.FAULTS !== 'turns' || place % 6 === turn);
  const kinds: readonly [FaultKind, (trace: readonly Passed[]) => readonly string[]][] = [
    ['error thrown', share(0, faultableBoundaries)],
    ['SIGINT', share(1, boundaries)],
    ['SIGTERM', share(2, boundaries)],
    ['SIGHUP', share(3, boundaries)],
    ['SIGKILL of the tool', share(4, boundaries)],
    ['SIGKILL of tool and guardian, then `recover`', share(5, boundaries)],
  ];
  const limitMs = 10 * 60_000;

  it.each(kinds)(
    'must leave everything as it was: %s',
    async (kind, choose) =>
      expectSurvived(
        await lanes.tryAll(inTurns(choose(trace)), (target, at) => tryFault(target, { kind, at })),
      ),
    limitMs,
  );

  it(
    'must leave everything as it was: SIGKILL of `recover`, then `recover` again',
    async () => {
      await leaveDown(lanes.first());
      const clean = await observe(lanes.first(), ['recover']);
      expect(clean.ended.exitCode, clean.ended.stderr).toBe(0);
      expectSurvived(await lanes.tryAll(boundaries(clean.trace), tryRecovery));
    },
    limitMs,
  );

  it('must let the next backup succeed', async () => {
    const next = await lanes.each(async (target) => {
      const { ended } = await backUp(target);
      const said = ended.exitCode === 0 ? ended.stderr : ended.stdout + ended.stderr;
      return [ended.exitCode, said, await target.lasting(), await leftoversIn(target.backups)];
    });
    expect(next).toEqual(await lanes.each(async (target) => [0, '', target.before, []]));
  });
});
