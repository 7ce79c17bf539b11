import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../base/clock.ts';
import { acquireLock } from '../../base/lock.ts';
import { journalPath } from '../../snapshot/layout.ts';
import type { Journal } from '../journal.ts';
import { lockOf } from '../lock.ts';
import { markData } from '../restore/data/mark.ts';
import { type DeadRunTools, recoverDeadRun } from './dead.ts';
import { type Found, isDead, readJournal } from './journals.ts';
import { engineWhenReady } from './ready.ts';
import { isHalfRestored, recoverRun } from './recover.ts';

/** How long the guardian waits for an engine that is gone, or for somebody else who is at the same work. */
const limitMs = 10 * 60_000;

/** How long it waits for the disk with the journal: one that is broken or far away may not answer at all. */
const diskMs = 2_000;

const journalOnDisk = async (backups: string, run: string): Promise<Found | undefined> => {
  const read = readJournal(journalPath(backups, run), backups).catch(() => undefined);
  const found = await Promise.race([read, pause(diskMs, undefined, { ref: false })]);
  return found === undefined || 'problem' in found ? undefined : found;
};

/** The engine of a run that is dead; undefined where there is nothing to do for this one. */
const toolsFor = async (journal: Journal): Promise<DeadRunTools | undefined> => {
  if (!isDead(journal)) return undefined;
  const engine = await engineWhenReady(AbortSignal.timeout(limitMs));
  const info = await engine.info();
  if (info.id !== journal.engine.id) return undefined;
  return { engine, info, clock: systemClock, emit: () => undefined };
};

/**
 * Brings services back when the journal is out of reach. Nothing is told: where it would be written is lost, too.
 * If it comes back, its journal is there still, and the next command tells of the run.
 */
const recoverFromMemory = async (journal: Journal): Promise<void> => {
  // What the data has to be brought to lies on the disk that is lost.
  if (isHalfRestored(journal)) return;
  const tools = await toolsFor(journal);
  if (tools === undefined) return;
  const { engine, info, clock } = tools;
  await using lock = await acquireLock(lockOf(info.id, journal.project), journal.instance, clock.now(), {
    limitMs,
  });
  lock.describe('putting back what a run that died left down');
  // The disk may say still that its data is half restored: when it is back, nobody may set back what is written now.
  const { data = 'untouched' } = journal.restore ?? {};
  if (journal.kind === 'restore' && data !== 'half-restored') await markData(engine, journal.id, data);
  await recoverRun(journal, { ...tools, local: info.local });
};

/**
 * Recovers one run of a backups folder with nobody watching: what the guardian does. `newest` is the journal as
 * the run told it last, as JSON; `null` when there was none any more. Nothing is to be done when the journal is
 * gone from both places, or its run is alive.
 */
export const recoverAlone = async (backups: string, run: string, newest: string): Promise<void> => {
  const found = await journalOnDisk(backups, run);
  if (found === undefined) {
    const journal = JSON.parse(newest) as Journal | null;
    return journal === null ? undefined : await recoverFromMemory(journal);
  }
  const tools = await toolsFor(found.journal);
  if (tools !== undefined) await recoverDeadRun(found, tools, { limitMs });
};
