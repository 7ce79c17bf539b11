import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { QuiesceMode } from '../../../src/config/types.ts';
import { planBackup } from '../../../src/plan/backup.ts';
import { journalContainers } from '../../../src/run/journal.ts';
import { newLedger } from '../../../src/run/quiet/ledger.ts';
import { whileQuiet } from '../../../src/run/quiet/quiesce.ts';
import { needsAmong } from '../../../src/stack/order.ts';
import { anyStack, wanted } from '../../support/any-stack.ts';
import { casesOf } from '../../support/cases.ts';
import { type Call, memoryEngine, type Told } from '../../support/memory-engine.ts';
import { runContext } from '../../support/run-context.ts';
import { instanceWith, type Sketch, stackFrom } from '../../support/stack-builder.ts';

interface Fault {
  readonly where: 'nowhere' | 'call' | 'work' | 'signal';
  readonly at: number;
}

const anyFault: fc.Arbitrary<Fault> = fc.record({
  where: fc.constantFrom<Fault['where']>('nowhere', 'call', 'work', 'signal'),
  at: fc.nat(40),
});

/** Calls that only happen on the way down; a fault in one of them must not cost anybody its return. */
const downCalls: readonly Call[] = ['stop', 'pause', 'watch'];

const drive = async (
  stack: { sketches: readonly Sketch[]; modes: Record<string, { quiesce: QuiesceMode }> },
  fault: Fault,
) => {
  const observed = stackFrom(stack.sketches);
  const plan = planBackup(instanceWith({ services: stack.modes }), observed, new Map());
  const interrupt = new AbortController();
  let hit: Told | undefined;
  let isDown = true;
  const memory = memoryEngine(
    observed.containers.map((one) => one.details),
    (told, count) => {
      if (fault.where === 'signal' && count >= fault.at) interrupt.abort(new Error('interrupted'));
      const isHit =
        fault.where === 'call' &&
        hit === undefined &&
        isDown &&
        count >= fault.at &&
        downCalls.includes(told.call);
      if (isHit) hit = told;
      return isHit;
    },
  );
  const context = runContext(memory.engine, { signal: interrupt.signal });
  const ledger = newLedger(journalContainers(plan));
  const needs = needsAmong(
    new Set(ledger.keys()),
    observed.containers.map((one) => one.id),
    observed.edges,
  );
  const before = memory.states();
  let during: ReturnType<typeof memory.states> | undefined;
  const failure = await whileQuiet(context, plan, ledger, needs, async () => {
    during = memory.states();
    isDown = false;
    if (fault.where === 'work') throw new Error('the work failed');
  }).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { plan, needs, ledger, before, during, after: memory.states(), calls: memory.calls, failure };
};

describe('whatever fails on the way', () => {
  it('brings back exactly what ran, as it was, each once and after what it needs', async () => {
    await fc.assert(
      fc.asyncProperty(anyStack, anyFault, async (stack, fault) => {
        const { needs, ledger, before, after, calls } = await drive(stack, fault);
        for (const [id, was] of before) {
          const is = after.get(id);
          expect(is?.policy, `policy of ${id}`).toBe(was.policy);
          const touched = ledger.get(id)?.askedAt !== undefined;
          expect(is?.state, `state of ${id}`).toBe(touched ? wanted(was.state) : was.state);
          if (!touched) expect(is?.startedAt, `${id} was started`).toBe(was.startedAt);
        }
        const starts = calls.filter((told) => told.call === 'start').map((told) => told.id);
        expect(new Set(starts).size).toBe(starts.length);
        for (const { from, to } of needs)
          if (starts.includes(from) && starts.includes(to))
            expect(starts.indexOf(to)).toBeLessThan(starts.indexOf(from));
        expect([...ledger.values()].filter((entry) => entry.down !== undefined)).toEqual([]);
      }),
      { numRuns: casesOf(2000) },
    );
  });

  it('does the work only while all that was planned is quiet, and tells of every failure', async () => {
    await fc.assert(
      fc.asyncProperty(anyStack, anyFault, async (stack, fault) => {
        const { plan, during, failure } = await drive(stack, fault);
        if (fault.where === 'nowhere') expect(failure).toBeUndefined();
        if (fault.where === 'work' && during !== undefined) expect(failure).toBeInstanceOf(Error);
        if (during === undefined) return;
        for (const { id, action } of plan.stopWaves.flat())
          expect(during.get(id)?.state).toBe(action === 'stop' ? 'exited' : 'paused');
        for (const { id, action } of plan.stopWaves.flat())
          if (action === 'stop') expect(during.get(id)?.policy).toBe('no');
      }),
      { numRuns: casesOf(1000) },
    );
  });

  it('names what cannot be started and starts all the others', async () => {
    await fc.assert(
      fc.asyncProperty(anyStack, fc.nat(7), async (stack, broken) => {
        const observed = stackFrom(stack.sketches);
        const plan = planBackup(instanceWith({ services: stack.modes }), observed, new Map());
        const id = `s${broken}`;
        const memory = memoryEngine(
          observed.containers.map((one) => one.details),
          (told) => told.call === 'start' && told.id === id,
        );
        const context = runContext(memory.engine);
        const ledger = newLedger(journalContainers(plan));
        const all = observed.containers.map((one) => one.id);
        await whileQuiet(
          context,
          plan,
          ledger,
          needsAmong(new Set(ledger.keys()), all, observed.edges),
          async () => undefined,
        );
        const down = [...ledger.values()]
          .filter((entry) => entry.down !== undefined)
          .map((entry) => entry.container.id);
        const isStopped = plan.stopWaves.flat().some((one) => one.id === id && one.action === 'stop');
        expect(down).toEqual(isStopped ? [id] : []);
        for (const { id: other, stateBefore } of plan.stopWaves.flat())
          if (other !== id) expect(memory.states().get(other)?.state).toBe(wanted(stateBefore));
      }),
      { numRuns: casesOf(500) },
    );
  });
});
