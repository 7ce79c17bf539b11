import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import type { Warning } from '../../../../src/base/events.ts';
import type { ContainerDetails } from '../../../../src/docker/engine.ts';
import type { Journal, JournalContainer } from '../../../../src/run/journal.ts';
import { stillDown } from '../../../../src/run/recovery/left.ts';
import { recoverRun } from '../../../../src/run/recovery/recover.ts';
import { deadJournal, journalContainer } from '../../../support/journal.ts';
import { memoryEngine, type Told } from '../../../support/memory-engine.ts';
import { containerFrom, type Sketch } from '../../../support/stack-builder.ts';

let backups: string;
beforeAll(async () => {
  backups = await mkdtemp(join(tmpdir(), 'sb-test-recover-'));
});
afterAll(() => rm(backups, { recursive: true, force: true }));

const held = { name: 'no', maximumRetryCount: 0 };
const always = { name: 'always', maximumRetryCount: 0 };

/** What an engine in memory has, and what a journal says of it; `startedAt` of the n-th container is `n`. */
interface Case {
  readonly now: readonly Sketch[];
  readonly journal: Partial<Journal> & { readonly containers: readonly JournalContainer[] };
  readonly fails?: (told: Told) => boolean;
}

const detailsOf = (sketch: Sketch): ContainerDetails => {
  const labels = { 'com.docker.compose.service': sketch.service ?? sketch.id };
  return containerFrom({ restartPolicy: held, ...sketch, labels }).details;
};

const recovering = ({ now, journal, fails = () => false }: Case) => {
  const memory = memoryEngine(now.map(detailsOf), fails);
  const warnings: Warning[] = [];
  const whole = deadJournal(backups, {
    wayBack: { needs: [], awaited: [], known: [], healthMs: 1_000, postStart: [] },
    ...journal,
  });
  const recover = async () => {
    memory.calls.length = 0;
    const recovered = await recoverRun(whole, {
      engine: memory.engine,
      local: true,
      clock: systemClock,
      emit: (event) => void (event.type === 'warning' && warnings.push(event)),
    });
    const down = [...recovered.ledger.values()].filter((entry) => entry.down !== undefined);
    return {
      states: Object.fromEntries(
        [...memory.states()].map(([id, { state, policy }]) => [id, `${state} ${policy}`]),
      ),
      calls: memory.calls.filter((told) => told.call !== 'inspect').map(({ call, id }) => `${call} ${id}`),
      down: down.map((entry) => entry.container.id),
      left: await stillDown(memory.engine, recovered.ledger),
      warnings: warnings.map(({ code, about }) => `${code} ${about ?? ''}`.trim()),
    };
  };
  return { recover, memory };
};

const stopped = (id: string, at: number, over: Partial<JournalContainer> = {}): JournalContainer =>
  journalContainer({ id, startedAt: String(at), ...over });

describe('recovery', () => {
  it('starts what the run had stopped, gives policies back, and changes nothing the second time', async () => {
    const { recover } = recovering({
      now: [
        { id: 'db', state: 'exited' },
        { id: 'app', state: 'exited' },
        { id: 'top', state: 'running', restartPolicy: always },
      ],
      journal: {
        containers: [
          stopped('db', 0, { restartPolicy: always }),
          stopped('app', 1),
          stopped('top', 2, { restartPolicy: always }),
        ],
        wayBack: {
          needs: [{ from: 'app', to: 'db' }],
          awaited: [],
          known: [],
          healthMs: 1000,
          postStart: [],
        },
      },
    });
    const once = await recover();
    expect(once.states).toEqual({ db: 'running always', app: 'running no', top: 'running always' });
    expect(once.calls).toEqual(['setRestartPolicy db', 'start db', 'start app']);
    const again = await recover();
    expect(again).toMatchObject({ calls: [], down: [], states: once.states });
  });

  it('leaves alone what had ended by itself, and what somebody has started since', async () => {
    const { recover } = recovering({
      now: [
        { id: 'done', state: 'exited' },
        { id: 'theirs', state: 'exited' },
        { id: 'ours', state: 'exited' },
      ],
      journal: {
        containers: [stopped('done', 0, { ended: true }), stopped('theirs', 9), stopped('ours', 2)],
      },
    });
    const { states, calls } = await recover();
    expect(states).toEqual({ done: 'exited no', theirs: 'exited no', ours: 'running no' });
    expect(calls).toEqual(['start ours']);
  });

  it('leaves alone what the run had brought back before it died', async () => {
    const { recover } = recovering({
      now: [
        { id: 'at work', state: 'running' },
        { id: 'crashed', state: 'exited' },
        { id: 'thawed, and done', state: 'exited' },
        { id: 'frozen', state: 'paused' },
        { id: 'kept down', state: 'exited' },
      ],
      journal: {
        phase: 'starting',
        containers: [
          stopped('at work', 9, { back: true, stateBefore: 'paused' }),
          stopped('crashed', 1, { back: true }),
          stopped('thawed, and done', 2, { back: true, action: 'pause' }),
          stopped('frozen', 3, { action: 'pause' }),
          stopped('kept down', 4),
        ],
      },
    });
    expect((await recover()).calls.toSorted()).toEqual(['start kept down', 'unpause frozen']);
  });

  it('freezes again what was frozen before and had to be stopped, also when it was killed before it did', async () => {
    const frozen = (at: number): JournalContainer => stopped('box', at, { stateBefore: 'paused' });
    const cut = recovering({
      now: [{ id: 'box', state: 'running' }],
      journal: { phase: 'starting', containers: [frozen(9)] },
    });
    expect((await cut.recover()).states).toEqual({ box: 'paused no' });
    expect(await cut.recover()).toMatchObject({ calls: [], states: { box: 'paused no' } });
    const whole = recovering({ now: [{ id: 'box', state: 'exited' }], journal: { containers: [frozen(0)] } });
    expect((await whole.recover()).calls).toEqual(['start box', 'pause box']);
    const failed = recovering({
      now: [{ id: 'box', state: 'running' }],
      journal: { phase: 'stopping', returning: true, containers: [frozen(9)] },
    });
    expect((await failed.recover()).states).toEqual({ box: 'paused no' });
    // In any other phase whoever started it was somebody else.
    const theirs = recovering({
      now: [{ id: 'box', state: 'running' }],
      journal: { containers: [frozen(9)] },
    });
    expect((await theirs.recover()).calls).toEqual([]);
  });

  it('thaws what the run had frozen, and starts what a restarted engine has ended in its freeze', async () => {
    const { recover } = recovering({
      now: [
        { id: 'ice', state: 'paused' },
        { id: 'ended', state: 'exited' },
      ],
      journal: {
        containers: [stopped('ice', 0, { action: 'pause' }), stopped('ended', 1, { action: 'pause' })],
      },
    });
    expect((await recover()).states).toEqual({ ice: 'running no', ended: 'running no' });
  });

  it('does not run anew a one-shot that ended before it could be frozen, and says so', async () => {
    const { recover } = recovering({
      now: [{ id: 'job', state: 'exited' }],
      journal: { phase: 'stopping', containers: [stopped('job', 0, { action: 'pause' })] },
    });
    expect(await recover()).toMatchObject({ calls: [], warnings: ['ended-by-itself job'] });
  });

  it('waits for a stop that is under way, and touches nothing that was not reached yet', async () => {
    const { recover } = recovering({
      now: [
        { id: 'asked', state: 'running', restartPolicy: held },
        { id: 'spared', state: 'running', restartPolicy: always },
      ],
      journal: {
        phase: 'stopping',
        containers: [
          stopped('asked', 0, { restartPolicy: always }),
          stopped('spared', 1, { restartPolicy: always }),
        ],
      },
    });
    const { calls, states } = await recover();
    expect(calls).toEqual(['stop asked', 'setRestartPolicy asked', 'start asked']);
    expect(states).toEqual({ asked: 'running always', spared: 'running always' });
  });

  it('starts again what a failed start has left as "created"', async () => {
    const { recover } = recovering({
      now: [{ id: 'web', state: 'created' }],
      journal: { phase: 'starting', told: 'services-down', containers: [stopped('web', 0)] },
    });
    expect((await recover()).states).toEqual({ web: 'running no' });
  });

  it('names what is gone, does the rest, and does not keep a journal for it', async () => {
    const { recover } = recovering({
      now: [{ id: 'app', state: 'exited' }],
      journal: { containers: [stopped('gone', 0), stopped('app', 0)] },
    });
    expect(await recover()).toMatchObject({ down: ['gone'], left: [], states: { app: 'running no' } });
  });

  it('is content when what is gone runs in another container', async () => {
    const { recover } = recovering({
      now: [{ id: 'new-db', service: 'db', state: 'running' }],
      journal: { containers: [stopped('old-db', 0, { service: 'db' })] },
    });
    expect(await recover()).toMatchObject({ down: [], left: [], calls: ['start old-db'] });
  });

  it('keeps what it could not start, with the start that it has had by then', async () => {
    const { recover } = recovering({
      now: [
        { id: 'db', state: 'exited' },
        { id: 'app', state: 'exited' },
      ],
      journal: { containers: [stopped('db', 0), stopped('app', 1)] },
      fails: ({ call, id }) => call === 'start' && id === 'db',
    });
    const { down, left, states } = await recover();
    expect({ down, states }).toEqual({ down: ['db'], states: { db: 'exited no', app: 'running no' } });
    expect(left).toEqual([stopped('db', 0)]);
  });

  it('says when post_start hooks cannot be run, because no compose file can be read', async () => {
    const { recover } = recovering({
      now: [{ id: 'app', state: 'exited' }],
      journal: {
        containers: [stopped('app', 0)],
        wayBack: { needs: [], awaited: [], known: [], healthMs: 1000, postStart: ['app'] },
      },
    });
    expect(await recover()).toMatchObject({
      states: { app: 'running no' },
      warnings: ['lifecycle-hook app'],
    });
  });

  it.each(['before-stop', 'after-start', 'hashing', 'publishing', 'cleaning-up'] as const)(
    'touches no container in phase %s',
    async (phase) => {
      const { recover } = recovering({
        now: [{ id: 'app', state: 'exited' }],
        journal: { phase, containers: [stopped('app', 0)] },
      });
      expect(await recover()).toMatchObject({ calls: [], states: { app: 'exited no' } });
    },
  );
});
