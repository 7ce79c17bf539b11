import { type Duration, formatDuration } from '../../base/duration.ts';
import type { Emit } from '../../base/events.ts';
import { acquireLock, type Lock, type Waiting } from '../../base/lock.ts';
import type { Instance } from '../../config/types.ts';
import { lockOf } from '../../run/lock.ts';
import { recoverHeld } from '../../run/recovery/dead.ts';
import type { Found } from '../../run/recovery/journals.ts';
import type { BackupTools } from '../../run/run.ts';
import { glanceForDead } from './dead-runs.ts';
import { assertNoneHalf } from './one-run.ts';
import type { Session } from './session.ts';

/** `--wait`: who is waited for is told, and again whenever that run comes to another phase. */
const waitingFor = (limitMs: Duration, signal: AbortSignal, emit: Emit): Waiting => ({
  limitMs,
  signal,
  onHolder: ({ pid, since, what }) =>
    emit({
      type: 'warning',
      code: 'waiting',
      notice: true,
      message: `another run is at work: pid ${pid}, since ${since}, ${what}; waiting for up to ${formatDuration(limitMs)}`,
    }),
});

/** Dead runs on the project whose lock is held. */
const deadOf = async ({ info }: Session, { backups, project }: Instance): Promise<readonly Found[]> => {
  const { dead } = await glanceForDead([backups]);
  return dead.filter(({ journal }) => journal.project === project && journal.engine.id === info.id);
};

/** The run that was waited for may have died, and its guardian with it: nobody else can be at it now. */
const recoverWaitedFor = async (session: Session, instance: Instance, emit: Emit): Promise<void> => {
  const { world, engine, info } = session;
  for (const found of await deadOf(session, instance))
    await recoverHeld(found, { engine, info, clock: world.clock, emit });
};

/** Whose turn it is, how long it is waited for (ms, 0 = not at all), and who hears of it. */
interface Turn {
  readonly instance: Instance;
  readonly wait: Duration;
  readonly emit: Emit;
}

/**
 * Does `work` under the lock of the instance's project. Rejects with `locked` when somebody else keeps it, with
 * `services-down` when its data is half restored.
 */
export const underLock = async <Result>(
  session: Session,
  { instance, wait, emit }: Turn,
  work: (lock: Lock) => Promise<Result>,
): Promise<Result> => {
  const { world, info } = session;
  let hasWaited = false;
  const waiting = waitingFor(wait, world.signal, (event) => {
    hasWaited = true;
    emit(event);
  });
  const name = lockOf(info.id, instance.project);
  await using lock = await acquireLock(name, instance.name, world.clock.now(), waiting);
  if (hasWaited) await recoverWaitedFor(session, instance, emit);
  // Somebody else may have been at it a moment ago, and could bring the data of a restore to neither end.
  assertNoneHalf(await deadOf(session, instance), instance);
  return await work(lock);
};

/** What a run under this lock works with: others who want the lock hear what it is at. */
export const toolsOf = ({ world, engine, info }: Session, emit: Emit, lock: Lock): BackupTools => ({
  engine,
  info,
  clock: world.clock,
  emit,
  signal: world.signal,
  onPhase: (phase) => lock.describe(phase),
});
