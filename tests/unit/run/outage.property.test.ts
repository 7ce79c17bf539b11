import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StackBackupError } from '../../../src/base/errors.ts';
import { planBackup } from '../../../src/plan/backup.ts';
import { journalContainers } from '../../../src/run/journal.ts';
import type { Release } from '../../../src/run/quiet/early.ts';
import { newLedger } from '../../../src/run/quiet/ledger.ts';
import { whileQuiet } from '../../../src/run/quiet/quiesce.ts';
import { needsAmong } from '../../../src/stack/order.ts';
import { casesOf } from '../../support/cases.ts';
import { memoryEngine } from '../../support/memory-engine.ts';
import { runContext } from '../../support/run-context.ts';
import { instanceWith, type Sketch, stackFrom } from '../../support/stack-builder.ts';
import { type Outage, unsteady } from '../../support/unsteady-engine.ts';

const limitMs = 60_000;

/** Chains and trees of services; some are frozen instead of stopped. */
const anyStack = fc
  .array(
    fc.record({
      health: fc.constantFrom('none' as const, 'healthy' as const),
      policy: fc.constantFrom('no', 'always', 'unless-stopped', 'on-failure'),
      mode: fc.constantFrom('stop' as const, 'stop' as const, 'pause' as const),
      needs: fc.option(fc.nat(5), { freq: 3 }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((drawn) => ({
    modes: Object.fromEntries(drawn.map(({ mode }, at) => [`s${at}`, { quiesce: mode }])),
    sketches: drawn.map(
      ({ health, policy, needs }, at): Sketch => ({
        id: `s${at}`,
        health,
        restartPolicy: { name: policy, maximumRetryCount: 0 },
        startedAt: String(at),
        dependsOn: needs !== null && needs < at ? `s${needs}:service_healthy:false` : '',
      }),
    ),
  }));

const anyOutage: fc.Arbitrary<Outage> = fc.record({
  atCall: fc.nat(45),
  pings: fc.integer({ min: 0, max: 12 }),
  isDone: fc.boolean(),
  endsContainers: fc.boolean(),
});

const drive = async (
  { sketches, modes }: { sketches: readonly Sketch[]; modes: Record<string, { quiesce: 'stop' | 'pause' }> },
  outages: readonly Outage[],
) => {
  const observed = stackFrom(sketches);
  const standard = instanceWith({ services: modes });
  const limits = { ...standard.limits, engine: limitMs };
  const plan = planBackup({ ...standard, limits }, observed, new Map());
  const memory = memoryEngine(
    observed.containers.map((one) => one.details),
    () => false,
  );
  const engine = unsteady(memory, outages);
  const context = runContext(engine);
  const ledger = newLedger(journalContainers(plan));
  const all = observed.containers.map((one) => one.id);
  const needs = needsAmong(new Set(ledger.keys()), all, observed.edges);
  /** Every third container is kept down by the same mount; those of the first come back before the others. */
  const mounts = ['first', 'second', 'third'];
  const holds = {
    of: new Map(all.map((id, at) => [id, new Set(mounts.slice(at % 3, (at % 3) + 1))])),
    waiting: new Map(mounts.map((mount) => [mount, 1])),
  };
  const before = memory.states();
  const from = performance.now();
  let quietAtStart: ReturnType<typeof memory.states> | undefined;
  const changed: string[] = [];
  /** Who is kept down by a mount must be as it was when its copy began. */
  const look = (mount: string): void => {
    const now = memory.states();
    for (const [id, mounts] of holds.of)
      if (mounts.has(mount) && !isDeepStrictEqual(now.get(id), quietAtStart?.get(id))) changed.push(id);
  };
  const work = async (release: Release): Promise<void> => {
    quietAtStart = memory.states();
    release.copying();
    for (const mount of mounts) {
      for (let step = 0; step < 2; step++) await engine.volumes('').catch(() => undefined);
      look(mount);
      release.copied(mount);
    }
  };
  const early = { holds, begin: () => Promise.resolve() };
  let isOver = false;
  const run = whileQuiet(context, plan, ledger, needs, (_, release) => work(release), early)
    .then(
      () => undefined,
      (error: unknown) => error,
    )
    .finally(() => {
      isOver = true;
    });
  while (!isOver) await vi.advanceTimersByTimeAsync(250);
  const failure = await run;
  const tookMs = performance.now() - from;
  return { ledger, before, after: memory.states(), quietAtStart, changed, failure, tookMs };
};

describe('an engine that goes away at any call', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => vi.useRealTimers());

  it('costs no container its return, whatever became of the calls that it left unanswered', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyStack,
        fc.array(anyOutage, { minLength: 1, maxLength: 3 }),
        async (stack, outages) => {
          const { ledger, before, after } = await drive(stack, outages);
          for (const [id, entry] of ledger) {
            expect(entry.down, `${id} is down`).toBeUndefined();
            expect(after.get(id)?.policy, `policy of ${id}`).toBe(before.get(id)?.policy);
            // Where it has no policy, one that nothing was done to is the engine's affair.
            const isOurs = entry.askedAt !== undefined || entry.container.restartPolicy.name !== 'no';
            if (isOurs && entry.ended !== true && entry.container.action === 'stop')
              expect(after.get(id)?.state, `state of ${id}`).toBe('running');
            if (entry.askedAt !== undefined) expect(after.get(id)?.state, `state of ${id}`).toBe('running');
          }
        },
      ),
      { numRuns: casesOf(1000) },
    );
  });

  it('makes no snapshot of what has run during the copy', async () => {
    await fc.assert(
      fc.asyncProperty(anyStack, anyOutage, async (stack, outage) => {
        const { quietAtStart, changed, failure } = await drive(stack, [outage]);
        if (quietAtStart === undefined) expect(failure).toBeInstanceOf(StackBackupError);
        else if (failure === undefined) expect(changed).toEqual([]);
      }),
      { numRuns: casesOf(500) },
    );
  });

  it('is given up when it does not come back: everything that was touched is named, in bounded time', async () => {
    await fc.assert(
      fc.asyncProperty(anyStack, fc.nat(45), fc.boolean(), async (stack, atCall, isDone) => {
        const gone: Outage = { atCall, pings: Number.POSITIVE_INFINITY, isDone, endsContainers: true };
        const { ledger, tookMs } = await drive(stack, [gone]);
        for (const [id, entry] of ledger) {
          const isBack = entry.servingAt !== undefined;
          const isTouched = entry.askedAt !== undefined || entry.policyHeld;
          if (isTouched && !isBack) expect(entry.down, `${id} is not named`).toBeDefined();
        }
        expect(tookMs).toBeLessThan(limitMs + 30_000);
      }),
      { numRuns: casesOf(500) },
    );
  });
});
