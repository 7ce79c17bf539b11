import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StackBackupError } from '../../../src/base/errors.ts';
import { planBackup } from '../../../src/plan/backup.ts';
import { holdsOf } from '../../../src/plan/mounts/holds.ts';
import { journalContainers } from '../../../src/run/journal.ts';
import { newLedger } from '../../../src/run/quiet/ledger.ts';
import { whileQuiet } from '../../../src/run/quiet/quiesce.ts';
import { needsAmong } from '../../../src/stack/order.ts';
import { memoryEngine } from '../../support/memory-engine.ts';
import { runContext } from '../../support/run-context.ts';
import { instanceWith, type Sketch, stackFrom, volumeMount } from '../../support/stack-builder.ts';

/** Stacks without circles, whose containers write to, or only read, any of five volumes. */
const anyStack = fc
  .array(
    fc.record({
      health: fc.constantFrom('none' as const, 'healthy' as const),
      policy: fc.constantFrom('no', 'always'),
      mode: fc.constantFrom('stop' as const, 'stop' as const, 'pause' as const),
      needs: fc.array(fc.nat(6), { maxLength: 2 }),
      mounts: fc.uniqueArray(fc.record({ volume: fc.nat(4), writable: fc.boolean() }), {
        maxLength: 3,
        selector: ({ volume }) => volume,
      }),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .map((drawn) => ({
    modes: Object.fromEntries(drawn.map(({ mode }, at) => [`s${at}`, { quiesce: mode }])),
    sketches: drawn.map(
      ({ health, policy, needs, mounts }, at): Sketch => ({
        id: `s${at}`,
        health,
        restartPolicy: { name: policy, maximumRetryCount: 0 },
        startedAt: String(at),
        dependsOn: [...new Set(needs.filter((other) => other < at))]
          .map((other) => `s${other}:service_healthy:false`)
          .join(','),
        mounts: mounts.map(({ volume, writable }) => volumeMount(`v${volume}`, `/v${volume}`, writable)),
      }),
    ),
  }));
type AnyStack = typeof anyStack extends fc.Arbitrary<infer T> ? T : never;

interface Trouble {
  readonly kind: 'none' | 'copy fails' | 'signal' | 'start fails' | 'journal fails' | 'stranger';
  /** Before the copy of this number is finished; counted round, so that it is one of those there are. */
  readonly at: number;
  /** The container of this number, counted round. */
  readonly whom: number;
  readonly isHidden: boolean;
}

const anyTrouble: fc.Arbitrary<Trouble> = fc.record({
  kind: fc.constantFrom<Trouble['kind']>(
    'none',
    'none',
    'copy fails',
    'signal',
    'start fails',
    'journal fails',
    'stranger',
  ),
  at: fc.nat(59),
  whom: fc.nat(419),
  isHidden: fc.boolean(),
});

/** Lets everything happen that only waits for its turn. */
const idle = async (): Promise<void> => {
  for (let turn = 0; turn < 60; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const drive = async (
  stack: AnyStack,
  draw: (mounts: readonly string[]) => readonly string[],
  trouble: Trouble,
) => {
  const observed = stackFrom(stack.sketches);
  const plan = planBackup(instanceWith({ services: stack.modes }), observed, new Map());
  const ledger = newLedger(journalContainers(plan));
  const all = observed.containers.map(({ id }) => id);
  const needs = needsAmong(new Set(ledger.keys()), all, observed.edges);
  const holds = holdsOf({ ...plan, quieted: [...ledger.keys()], needs, real: (path) => path });
  const writersOf = (volume: string): readonly string[] =>
    stack.sketches
      .filter(({ mounts = [] }) => mounts.some(({ name, writable }) => name === volume && writable))
      .map(({ id }) => id);
  const whom = `s${trouble.whom % stack.sketches.length}`;
  let hasHappened = false;
  const interrupt = new AbortController();
  const copied = new Set<string>();
  const wrong: string[] = [];
  let isOver = false;
  const isUp = (id: string): boolean => memory.states().get(id)?.state === 'running';
  const memory = memoryEngine(
    observed.containers.map(({ details }) => details),
    ({ call, id }) => {
      if (call !== 'start' && call !== 'unpause') return false;
      const missing = plan.copies.filter(
        ({ mount }) => !copied.has(mount.name) && writersOf(mount.name).includes(id),
      );
      if (!isOver && missing.length > 0)
        wrong.push(`${id} came back before ${missing.map(({ mount }) => mount.name)}`);
      for (const { from, to } of needs)
        if (from === id && !isUp(to) && ledger.get(to)?.down === undefined)
          wrong.push(`${id} came back before ${to}`);
      const fails = trouble.kind === 'start fails' && id === whom;
      hasHappened ||= fails;
      return fails;
    },
  );
  const context = runContext(memory.engine, { signal: interrupt.signal });
  const before = memory.states();
  const meddle = (id: string): void => {
    const entry = ledger.get(id);
    if (entry?.quietAt === undefined || entry.startAskedAt !== undefined) return;
    hasHappened = true;
    memory.meddle(id, trouble.isHidden);
  };
  const order = draw(plan.copies.map(({ mount }) => mount.name));
  const upAfter = new Map<string, readonly string[]>();
  const failure = await whileQuiet(
    context,
    plan,
    ledger,
    needs,
    async (_, release) => {
      using _end = {
        [Symbol.dispose]: () => {
          isOver = true;
        },
      };
      release.copying();
      for (const [number, mount] of order.entries()) {
        await idle();
        if (trouble.at % order.length === number) {
          if (trouble.kind === 'stranger') meddle(whom);
          hasHappened ||= ['signal', 'copy fails'].includes(trouble.kind);
          if (trouble.kind === 'signal') interrupt.abort(new Error('interrupted'));
          if (trouble.kind === 'copy fails') throw new Error('the copy failed');
        }
        context.signal.throwIfAborted();
        copied.add(mount);
        release.copied(mount);
        await idle();
        upAfter.set(mount, all.filter(isUp));
      }
    },
    {
      holds,
      begin: async () => {
        if (trouble.kind !== 'journal fails') return;
        hasHappened = true;
        throw new Error('no space');
      },
    },
  ).catch((error: unknown) => error);
  return {
    holds,
    needs,
    ledger,
    before,
    after: memory.states(),
    calls: memory.calls,
    failure,
    wrong,
    upAfter,
    order,
    whom,
    hasHappened,
  };
};

/** How often each kind of trouble has really happened: one that was drawn and found nothing to do is no case. */
const tally = () => {
  const cases = new Map<Trouble['kind'], number>();
  return {
    count: ({ kind }: Trouble, hasHappened: boolean): void => {
      if (hasHappened) cases.set(kind, (cases.get(kind) ?? 0) + 1);
    },
    expectAll: (): void => {
      const kinds: readonly Trouble['kind'][] = [
        'copy fails',
        'signal',
        'start fails',
        'journal fails',
        'stranger',
      ];
      expect(kinds.filter((kind) => !cases.has(kind))).toEqual([]);
    },
  };
};

const shuffled =
  (seed: number) =>
  (mounts: readonly string[]): readonly string[] =>
    fc.sample(fc.shuffledSubarray([...mounts], { minLength: mounts.length }), { numRuns: 1, seed })[0] ?? [];

describe('services that come back while others are still copied for', () => {
  it('come back each once, after all that they can write to and all that they need', async () => {
    const happened = tally();
    await fc.assert(
      fc.asyncProperty(anyStack, fc.nat(), anyTrouble, async (stack, seed, trouble) => {
        const { ledger, before, after, calls, wrong, whom, hasHappened } = await drive(
          stack,
          shuffled(seed),
          trouble,
        );
        happened.count(trouble, hasHappened);
        expect(wrong).toEqual([]);
        const starts = calls.filter(({ call }) => call === 'start' || call === 'unpause').map(({ id }) => id);
        expect(new Set(starts).size).toBe(starts.length);
        for (const [id, { down, askedAt }] of ledger) {
          const isBroken = trouble.kind === 'start fails' && id === whom && askedAt !== undefined;
          expect(down !== undefined, `${id} is down`).toBe(isBroken);
          expect(after.get(id)?.policy).toBe(before.get(id)?.policy);
          if (!isBroken) expect(after.get(id)?.state).toBe(before.get(id)?.state);
        }
      }),
      { numRuns: 400 },
    );
    happened.expectAll();
  });

  it('are no strangers; a stranger is found, also one who starts what was copied already', async () => {
    const happened = tally();
    await fc.assert(
      fc.asyncProperty(anyStack, fc.nat(), anyTrouble, async (stack, seed, trouble) => {
        const { failure, hasHappened } = await drive(stack, shuffled(seed), trouble);
        happened.count(trouble, hasHappened);
        if (!hasHappened || trouble.kind === 'start fails') expect(failure).toBeUndefined();
        else if (trouble.kind === 'stranger')
          expect((failure as StackBackupError).code).toBe('stack-changed');
        // When it fails as the work is over already, it keeps nobody down and fails nothing.
        else if (trouble.kind !== 'journal fails') expect(failure).toBeInstanceOf(Error);
      }),
      { numRuns: 400 },
    );
    happened.expectAll();
  });

  it('wait for nothing that nobody writes to, and are all back before it is copied', async () => {
    const quiet: Trouble = { kind: 'none', at: 0, whom: 0, isHidden: false };
    await fc.assert(
      fc.asyncProperty(anyStack, async (stack) => {
        const { holds, order, upAfter, ledger } = await drive(
          { ...stack, sketches: [...stack.sketches, reader] },
          (mounts) => mounts,
          quiet,
        );
        const waited = order.filter((mount) => (holds.waiting.get(mount) ?? 0) > 0);
        expect(order.at(-1)).toBe('zz');
        for (const mount of order) {
          const copied = order.slice(0, order.indexOf(mount) + 1);
          if (waited.some((one) => !copied.includes(one))) continue;
          expect(upAfter.get(mount)).toEqual([...ledger.keys()].toSorted());
        }
      }),
      { numRuns: 200 },
    );
  });
});

/** Its volume is written to by nobody. */
const reader: Sketch = { id: 'z', mounts: [volumeMount('zz', '/zz', false)] };
