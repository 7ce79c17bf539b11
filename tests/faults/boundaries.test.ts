import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schemaPath } from '../../src/base/schema.ts';
import type { planToJson } from '../../src/plan/json.ts';
import { leftoversIn } from '../support/backups.ts';
import { bookOf } from '../support/reliability/book.ts';
import { runTool } from '../support/scratch.ts';
import { backUp, type Cell, killedRecovery, leaveDown, tryFault, tryRecovery } from './boundaries/cell.ts';
import { boundaries, faultableBoundaries, inTurns, type Passed } from './boundaries/inject/boundaries.ts';
import type { FaultKind } from './boundaries/inject/order.ts';
import { faultLanes } from './boundaries/lanes.ts';
import { observe } from './boundaries/observe.ts';
import type { FaultStack } from './boundaries/stack.ts';

/** Those that no backup enters: some are a restore's own. */
const notOfBackups = ['checking', 'cleaning-up', 'securing', 'restoring', 'loading', 'rolling-back'];

/** Every phase there is in a backup. */
const phases = (): readonly string[] => {
  const schema = JSON.parse(readFileSync(schemaPath('journal.schema.json'), 'utf8'));
  return schema.properties.phase.enum.filter((phase: string) => !notOfBackups.includes(phase));
};

const book = bookOf('matrix');

const journal = 'backups/.stack-backup/runs/<run>.json';

const kinds = [
  'error thrown',
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGKILL of the tool',
  'SIGKILL of tool and guardian, then `recover`',
] as const satisfies readonly FaultKind[];

/** Where faults of that kind are done; by turns of the first and the last. */
const placesOf = (kind: (typeof kinds)[number], trace: readonly Passed[]): readonly string[] => {
  const all = kind === 'error thrown' ? faultableBoundaries(trace) : boundaries(trace);
  // `FAULTS=turns` gives each boundary one kind, in turn, and takes a sixth of the time: for work on it.
  const isMine = (_: string, place: number): boolean =>
    process.env.FAULTS !== 'turns' || place % kinds.length === kinds.indexOf(kind);
  return inTurns(all.filter(isMine));
};

const limitMs = 10 * 60_000;

describe('a fault at each boundary between the steps of a backup', () => {
  let lanes: Awaited<ReturnType<typeof faultLanes>>;
  let trace: readonly Passed[];
  let plan: ReturnType<typeof planToJson>;
  /** All is begun at once, in this order: no stack waits for the others between two kinds. */
  const tried = new Map<FaultKind, Promise<readonly Cell[]>>();
  const begin = (kind: FaultKind, all: Promise<readonly Cell[]>): void => {
    all.catch(() => undefined); // until its test asks
    tried.set(kind, all);
  };

  beforeAll(async () => {
    lanes = await faultLanes();
    const [target] = lanes.stacks as [FaultStack];
    // One after the other, with nothing beside: what is seen here every run must come by, also a busy one.
    const told = await runTool(['plan', 'box', '--json'], { cwd: target.stack.folder });
    const clean = await backUp(target);
    await leaveDown(target);
    const recovery = await observe(target, ['recover']);
    for (const { exitCode, stderr } of [told, clean.ended, recovery.ended]) expect(exitCode, stderr).toBe(0);
    trace = clean.trace;
    plan = JSON.parse(told.stdout);
    for (const kind of kinds)
      begin(
        kind,
        lanes.tryAll(placesOf(kind, trace), (target, at) => tryFault(target, { kind, at })),
      );
    begin(killedRecovery, lanes.tryAll(boundaries(recovery.trace), tryRecovery));
  });
  afterAll(() => lanes?.discard());

  it('must be tried at every phase, stop, start, freeze, copy and hook of the plan', () => {
    const { stopWaves, copies, hooks } = plan;
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
      ...copies.map(({ name }) => `event copy-finished ${name.replace(/^.*_/, '')}`),
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

  it.each<FaultKind>([...kinds, killedRecovery])(
    'must leave everything as it was: %s',
    async (kind) => {
      const all = (await tried.get(kind)) ?? [];
      book.tried(all.map(({ problems, backMs }) => ({ kind, isSurvived: problems.length === 0, backMs })));
      const lost = all.filter(({ problems }) => problems.length > 0);
      expect(lost.map(({ at, problems, said }) => ({ at, problems, said }))).toEqual([]);
      expect(all.length).toBeGreaterThan(6);
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
