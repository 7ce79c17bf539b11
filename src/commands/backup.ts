import type { Duration } from '../base/duration.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { Emit, EventBody, Outcome, RunEvent } from '../base/events.ts';
import { acquireLock } from '../base/lock.ts';
import type { Instance } from '../config/types.ts';
import { chooseListener } from '../notify/choose.ts';
import { executeBackup } from '../run/execute.ts';
import { lockOf } from '../run/lock.ts';
import type { RunRecord } from '../run/record.ts';
import { recoverHeld } from '../run/recovery/dead.ts';
import type { BackupOptions } from '../run/run.ts';
import { backupsFolders } from './session/backups.ts';
import { glanceForDead, type Recoveries, recoverFirst } from './session/dead-runs.ts';
import { codeOfError, codeOfOutcome, errorToTell, exitCode, worstCode } from './session/exit.ts';
import { plannedBackup } from './session/planned.ts';
import { instancesOf, openSession, type Session, type World } from './session/session.ts';
import { waitingFor } from './session/waiting.ts';

export interface BackupFlags {
  readonly all: boolean;
  readonly options: Omit<BackupOptions, 'toolVersion'>;
  /** `--quiesce`, `--logs`: over what the configuration says. */
  readonly overrides: Partial<Pick<Instance, 'quiesce' | 'logs'>>;
  /** How long each instance waits for another run on it to end, ms. 0 = not at all. */
  readonly wait: Duration;
}

/** The run that was waited for may have died, and its guardian with it: nobody else can be at it now. */
const recoverWaitedFor = async (
  { world, engine, info }: Session,
  { project, backups }: Instance,
  emit: Emit,
): Promise<void> => {
  const { dead } = await glanceForDead([backups]);
  for (const found of dead.filter(
    ({ journal }) => journal.project === project && journal.engine.id === info.id,
  ))
    await recoverHeld(found, { engine, info, clock: world.clock, emit });
};

/** loadConfig → observe → plan → execute, for one instance, under its lock. */
const backupOne = async (
  session: Session,
  instance: Instance,
  flags: BackupFlags,
  emit: Emit,
): Promise<RunRecord> => {
  const { world, engine, info } = session;
  let hasWaited = false;
  const tell: Emit = (event) => {
    hasWaited = true;
    emit(event);
  };
  const waiting = waitingFor(world, flags.wait, tell);
  const name = lockOf(info.id, instance.project);
  await using lock = await acquireLock(name, instance.name, world.clock.now(), waiting);
  if (hasWaited) await recoverWaitedFor(session, instance, emit);
  const plan = await plannedBackup(session, instance);
  const options = { ...flags.options, toolVersion: world.version };
  return await executeBackup(plan, options, {
    engine,
    info,
    clock: world.clock,
    emit,
    signal: world.signal,
    onPhase: (phase) => lock.describe(phase),
  });
};

/**
 * `stack-backup <instance>…`: a snapshot of each, one after the other. One that fails does not keep the
 * others from their turn; an interruption does. Resolves with the exit code.
 */
export const backup = async (world: World, names: readonly string[], flags: BackupFlags): Promise<number> => {
  const session = await openSession(world);
  // Before the instances are looked for: a run that died may have left nothing of a project running.
  const earlier = await recoverFirst(session, await backupsFolders(world), true);
  const instances = await instancesOf(session, names, flags.all);
  const listener = chooseListener({
    ...world.flags,
    stdout: world.stdout,
    stderr: world.stderr,
    several: instances.length > 1,
  });
  const codes = codesOf(earlier);
  try {
    for (const chosen of instances) {
      if (world.signal.aborted) {
        // This one and those after it do not get their turn: that is no success, however well the others went.
        codes.push(codeOfError(errorToTell(undefined, world.signal).code, world.interruptedBy()));
        break;
      }
      const instance = { ...chosen, ...flags.overrides };
      const emit: Emit = (event: EventBody): void =>
        listener.on({ ...event, at: world.clock.now().toISOString(), instance: instance.name } as RunEvent);
      const stopTelling = onInsisting(world, emit);
      codes.push(await codeOfOne(world, (tell) => backupOne(session, instance, flags, tell), emit));
      stopTelling();
    }
  } finally {
    listener.close();
  }
  return worstCode(codes);
};

/** A second Ctrl-C changes nothing, and says so. */
const onInsisting = (world: World, emit: Emit): (() => void) => {
  const tell = (): void =>
    emit({
      type: 'warning',
      code: 'ending',
      notice: true,
      message:
        'the run is ending: what ran before it is brought back first, and further signals change nothing',
    });
  world.insisted.addEventListener('abort', tell, { once: true });
  return () => world.insisted.removeEventListener('abort', tell);
};

/** What an earlier run has left down counts, however good the new snapshot is. */
const codesOf = ({ records, failures }: Recoveries): number[] => [
  ...records.filter(({ down }) => down.length > 0).map(() => exitCode.servicesDown),
  ...failures.map(({ error }) => codeOfError(error.code, undefined)),
];

/** Listens for runs that began and did not end: a check that fails throws, and somebody has to end the run. */
const openRun = (world: World, emit: Emit) => {
  let since: number | undefined;
  let warnings = 0;
  const tell: Emit = (event) => {
    if (event.type === 'run-started') since = world.clock.tick();
    if (event.type === 'run-finished') since = undefined;
    if (event.type === 'warning' && event.notice !== true) warnings++;
    emit(event);
  };
  const end = (outcome: Outcome): void => {
    if (since === undefined) return;
    const totalMs = Math.round(world.clock.tick() - since);
    tell({
      type: 'run-finished',
      outcome,
      bytes: 0,
      files: 0,
      downtimeMs: 0,
      windowMs: 0,
      totalMs,
      warnings,
    });
  };
  return { tell, end };
};

/** A check that failed before anything was touched is told like any other error of a run. */
const codeOfOne = async (
  world: World,
  work: (tell: Emit) => Promise<RunRecord>,
  emit: Emit,
): Promise<number> => {
  const { tell, end } = openRun(world, emit);
  try {
    const record = await work(tell);
    return codeOfOutcome(record.outcome, record.error?.code as ErrorCode | undefined, world.interruptedBy());
  } catch (thrown) {
    const error = errorToTell(thrown, world.signal);
    tell({
      type: 'error',
      code: error.code,
      message: error.message,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
    end(error.code === 'interrupted' ? 'interrupted' : 'failed');
    return codeOfError(error.code, world.interruptedBy());
  }
};
