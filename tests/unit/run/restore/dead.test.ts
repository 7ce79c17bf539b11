import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import type { ContainerDetails } from '../../../../src/docker/engine.ts';
import { type Journal, type JournalContainer, writeJournal } from '../../../../src/run/journal.ts';
import { tellAftermath } from '../../../../src/run/recovery/after/aftermath.ts';
import { recoverRun } from '../../../../src/run/recovery/recover.ts';
import { markData } from '../../../../src/run/restore/data/mark.ts';
import { journalPath } from '../../../../src/snapshot/layout.ts';
import { deadJournal, journalContainer } from '../../../support/journal.ts';
import { memoryEngine } from '../../../support/memory-engine.ts';
import { containerFrom, type Sketch } from '../../../support/stack-builder.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

describe('a restore that died', () => {
  let backups: string;
  let path: string;
  beforeEach(async () => {
    backups = await temporaryFolder('dead');
    path = journalPath(backups, 'box');
    await mkdir(dirname(path), { recursive: true });
  });
  afterEach(() => rm(backups, { recursive: true, force: true }));

  /** Nothing was there before, so that there is nothing to put back, and nothing in the way. */
  const restore = { from: '/none', mounts: [], devices: false, loads: ['dumps/db/all.dump'] } as const;
  const detailsOf = (sketch: Sketch): ContainerDetails => containerFrom(sketch).details;

  /** `startedAt` of the n-th container is `n`: one of the journal that differs has been started since. */
  const recovering = (
    now: readonly Sketch[],
    journal: Partial<Journal> & { readonly containers: readonly JournalContainer[] },
  ) => {
    const memory = memoryEngine(now.map(detailsOf), () => false);
    const dead = deadJournal(backups, { id: 'box', kind: 'restore', restore, ...journal });
    const recover = async (asIs = false) => {
      await writeJournal(path, dead);
      memory.calls.length = 0;
      const tools = { engine: memory.engine, local: true, clock: systemClock, emit: () => undefined, asIs };
      const { data } = await recoverRun(dead, tools, { found: { backups, path, isOurs: true } });
      const calls = memory.calls.filter(({ call }) => call !== 'inspect');
      return {
        data,
        calls: calls.map(({ call, id }) => `${call} ${id}`),
        journal: JSON.parse(await readFile(path, 'utf8')) as Journal,
      };
    };
    return { recover, memory };
  };
  const idOf = (id: string, at: number, over: Partial<JournalContainer> = {}): JournalContainer =>
    journalContainer({ id, startedAt: String(at), ...over });

  it('has everything started that it had stopped, also what ran in between to have a dump loaded', async () => {
    const { recover } = recovering(
      [
        { id: 'db', state: 'exited' },
        { id: 'app', state: 'exited' },
        { id: 'hand', state: 'running' },
        { id: 'done', state: 'exited' },
      ],
      {
        phase: 'rolling-back',
        containers: [
          idOf('db', 7, { back: true }), // started to load a dump, stopped to set the data back
          idOf('app', 1),
          idOf('hand', 9), // somebody has started it on data that was half restored
          idOf('done', 9, { ended: true }),
        ],
      },
    );
    const { data, calls, journal } = await recover();
    expect(data).toBe('rolled-back');
    expect(calls).toEqual(['stop hand', 'start db', 'start app', 'start hand']);
    // Killed before they were started, the next recovery knows that they are down by this one's hand.
    expect(journal).toMatchObject({ phase: 'starting', restore: { data: 'rolled-back' } });
    expect(journal.containers.slice(0, 3)).toEqual([idOf('db', 0), idOf('app', 1), idOf('hand', 2)]);
  });

  it('has what is down started on its data as it stands, when somebody wants that, and stops nothing', async () => {
    const { recover } = recovering(
      [
        { id: 'db', state: 'exited' },
        { id: 'hand', state: 'running' },
        { id: 'done', state: 'exited' },
      ],
      {
        phase: 'restoring',
        containers: [idOf('db', 7), idOf('hand', 9), idOf('done', 9, { ended: true })],
      },
    );
    const { data, calls, journal } = await recover(true);
    expect(data).toBe('as-is');
    expect(calls).toEqual(['start db']);
    expect(journal).toMatchObject({ phase: 'starting', restore: { data: 'as-is' } });
  });

  it.each(['restored', 'rolled-back', 'untouched'] as const)(
    'is left as it is where it has left word on the engine that its data is %s',
    async (is) => {
      const { recover, memory } = recovering([{ id: 'db', state: 'running' }], {
        phase: 'restoring',
        containers: [idOf('db', 9)],
      });
      await markData(memory.engine, 'box', is);
      const { data, calls, journal } = await recover();
      expect({ data, calls }).toEqual({ data: is, calls: [] });
      expect(journal).toMatchObject({ phase: 'starting', restore: { data: is } });
      expect(memory.volumes.size).toBe(0);
    },
  );

  it('is left to the user who began it where others may write its journal, which is not written to', async () => {
    const { engine, calls } = memoryEngine([detailsOf({ id: 'db', state: 'exited' })], () => false);
    const journal = deadJournal(backups, {
      ...{ id: 'box', kind: 'restore', restore, phase: 'restoring', containers: [idOf('db', 0)] },
    });
    await writeJournal(path, journal);
    const before = await readFile(path, 'utf8');
    const found = { backups, path, journal, isOurs: false };
    const tools = { engine, local: true, clock: systemClock, emit: () => undefined };
    const recovered = await recoverRun(journal, tools, { found });
    const record = await tellAftermath(found, recovered);
    expect(record).toMatchObject({ outcome: 'services-down', restore: { data: 'half-restored' } });
    expect(calls.filter(({ call }) => call !== 'inspect')).toEqual([]);
    // Written by whoever recovers, it would be taken for that user's own the next time.
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it('is not half restored when it was on its way back before its first write', async () => {
    const { recover } = recovering([{ id: 'db', state: 'running' }], {
      phase: 'restoring',
      returning: true,
      containers: [idOf('db', 9, { back: true })],
    });
    expect(await recover()).toMatchObject({ data: 'untouched', calls: [] });
  });
});
