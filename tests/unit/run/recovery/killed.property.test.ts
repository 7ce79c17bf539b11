import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../../../src/docker/engine.ts';
import { planBackup } from '../../../../src/plan/backup.ts';
import type { Holds } from '../../../../src/plan/mounts/holds.ts';
import type { RunContext } from '../../../../src/run/context.ts';
import {
  type Journal,
  type JournalContainer,
  journalContainers,
  returning,
} from '../../../../src/run/journal.ts';
import type { Release } from '../../../../src/run/quiet/early.ts';
import { newLedger } from '../../../../src/run/quiet/ledger.ts';
import { whileQuiet } from '../../../../src/run/quiet/quiesce.ts';
import { wayBackOf } from '../../../../src/run/quiet/way-back.ts';
import { bringContainersBack } from '../../../../src/run/recovery/recover.ts';
import { needsAmong } from '../../../../src/stack/order.ts';
import { anyStack, wanted } from '../../../support/any-stack.ts';
import { deadJournal } from '../../../support/journal.ts';
import { memoryEngine } from '../../../support/memory-engine.ts';
import { runContext } from '../../../support/run-context.ts';
import { instanceWith, stackFrom } from '../../../support/stack-builder.ts';

type Drawn = typeof anyStack extends fc.Arbitrary<infer T> ? T : never;

/** What goes wrong before the kill, if anything: then the run is on its way back in whatever phase it was. */
interface Fault {
  readonly where: 'nowhere' | 'stop' | 'work';
  /** The stop or freeze that fails, counted from 0. */
  readonly at: number;
}

const anyFault: fc.Arbitrary<Fault> = fc.record({
  where: fc.constantFrom<Fault['where']>('nowhere', 'stop', 'work', 'work'),
  at: fc.nat(3),
});

/** Before which call of the run the kill comes, and whether that call still reaches the engine. */
interface Kill {
  readonly at: number;
  readonly arrives: boolean;
}

const anyKill = (most: number): fc.Arbitrary<Kill> => fc.record({ at: fc.nat(most), arrives: fc.boolean() });

/** The engine as a process sees it that is killed at a call: no answer ever comes. */
const mortal = (engine: Engine, { at, arrives }: Kill, onDeath: () => void): Engine => {
  let calls = 0;
  return new Proxy(engine, {
    get: (target, name) => {
      const method = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        const isDead = calls++ >= at;
        const answer = isDead && !(arrives && calls === at + 1) ? undefined : method.apply(target, args);
        if (!isDead) return answer;
        // What was under way arrives; then whoever looks after the run looks.
        void Promise.resolve(answer).then(onDeath, onDeath);
        return new Promise(() => undefined);
      };
    },
  });
};

/** Every third container is kept down by the same mount; those of the first come back before the others. */
const mounts = ['first', 'second', 'third'];
const holdsOf = (ids: readonly string[]): Holds => ({
  of: new Map(ids.map((id, at) => [id, new Set(mounts.slice(at % 3, (at % 3) + 1))])),
  waiting: new Map(mounts.map((mount) => [mount, 1])),
});

/** Lets everything happen that only waits for its turn. */
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Runs the window of a backup until it is killed or over; the engine, and the journal as it was then. */
const killedRun = async ({ modes, sketches }: Drawn, isEarly: boolean, fault: Fault, kill: Kill) => {
  const observed = stackFrom(sketches);
  const plan = planBackup(instanceWith({ services: modes }), observed, new Map());
  let stops = 0;
  let isAlive = true;
  const memory = memoryEngine(
    observed.containers.map((one) => one.details),
    ({ call }) =>
      isAlive && fault.where === 'stop' && (call === 'stop' || call === 'pause') && stops++ === fault.at,
  );
  const before = memory.states();
  const containers = journalContainers(plan);
  const ledger = newLedger(containers);
  const all = observed.containers.map((one) => one.id);
  const needs = needsAmong(new Set(ledger.keys()), all, observed.edges);
  const { postStart: _, ...wayBack } = wayBackOf(plan, needs);
  let journal: Journal = deadJournal('/no/backups', { phase: 'stopping', containers, wayBack });
  const note = (id: string, what: Partial<JournalContainer>): void => {
    journal = {
      ...journal,
      containers: journal.containers.map((one) => (one.id === id ? { ...one, ...what } : one)),
    };
  };
  const death = Promise.withResolvers<void>();
  const context = runContext(mortal(memory.engine, kill, death.resolve), {
    noteEnded: async (id) => note(id, { ended: true }),
    noteBack: (id) => note(id, { back: true }),
    noteReturn: async (untouched) => {
      if (journal.phase !== 'starting') journal = { ...journal, ...returning(journal, untouched) };
    },
  });
  const enterStart = async (): Promise<void> => {
    journal = { ...journal, phase: 'starting' };
  };
  const work = async (_: RunContext, release: Release): Promise<void> => {
    journal = { ...journal, phase: 'copying' };
    release.copying();
    for (const [at, mount] of mounts.entries()) {
      await turns(isEarly ? 6 : 1);
      if (fault.where === 'work' && at === fault.at) throw new Error('the work failed');
      release.copied(mount);
    }
    await enterStart();
  };
  const early = isEarly ? { holds: holdsOf([...ledger.keys()]), begin: enterStart } : undefined;
  const over = whileQuiet(context, plan, ledger, needs, work, early).then(
    () => true,
    () => true,
  );
  const isOver = await Promise.race([over, death.promise.then(() => false)]);
  isAlive = false;
  return { memory, before, needs, journal: () => journal, isOver };
};

/** A recovery by this journal, and what it makes of it. */
const recover = async (engine: Engine, found: Journal) => {
  let journal = found;
  const context = runContext(engine);
  const note = async (to: Journal): Promise<void> => {
    journal = to;
  };
  const over = bringContainersBack(found, context, undefined, note);
  return { over, journal: () => journal };
};

/** A recovery that is killed, unless it is over before. */
const killedRecovery = async (engine: Engine, journal: Journal, kill: Kill): Promise<Journal> => {
  const death = Promise.withResolvers<void>();
  const recovery = await recover(mortal(engine, kill, death.resolve), journal);
  await Promise.race([recovery.over, death.promise]);
  return recovery.journal();
};

describe('a run that is killed at any call, and recovered', () => {
  it('leaves everything as it was, each container started once, after what it needs', async () => {
    let killed = 0;
    let onTheWay = 0;
    const property = fc.asyncProperty(
      anyStack,
      fc.boolean(),
      anyFault,
      anyKill(60),
      fc.option(anyKill(30)),
      async (stack, isEarly, fault, kill, second) => {
        const {
          memory,
          before,
          needs,
          journal: found,
          isOver,
        } = await killedRun(stack, isEarly, fault, kill);
        if (isOver) return;
        killed++;
        if (found().returning) onTheWay++;
        const journal = second === null ? found() : await killedRecovery(memory.engine, found(), second);
        const recovery = await recover(memory.engine, journal);
        const ledger = await recovery.over;
        expect([...ledger.values()].filter((entry) => entry.down !== undefined)).toEqual([]);
        const starts: string[] = [];
        for (const [id, was] of before) {
          const is = memory.states().get(id);
          expect(is?.policy, `policy of ${id}`).toBe(was.policy);
          expect([was.state, wanted(was.state)], `state of ${id}`).toContain(is?.state);
          if (is !== undefined && is.startedAt !== was.startedAt) starts.push(id);
        }
        const at = (id: string): number => memory.states().get(id)?.startedAt ?? 0;
        for (const { from, to } of needs)
          if (starts.includes(from) && starts.includes(to)) expect(at(to)).toBeLessThan(at(from));

        const once = memory.states();
        await (await recover(memory.engine, recovery.journal())).over;
        expect(memory.states()).toEqual(once);
      },
    );
    await fc.assert(property, { numRuns: 3000 });
    expect(killed).toBeGreaterThan(500);
    expect(onTheWay).toBeGreaterThan(15);
  }, 60_000);
});
