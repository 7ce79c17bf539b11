import { asStackBackupError, type ErrorCode } from '../base/errors.ts';
import type { Emit, EventBody, Outcome, RunEvent } from '../base/events.ts';
import { acquireLock } from '../base/lock.ts';
import type { Instance } from '../config/types.ts';
import { chooseListener } from '../notify/choose.ts';
import { executeBackup } from '../run/execute.ts';
import type { RunRecord } from '../run/record.ts';
import type { BackupOptions } from '../run/run.ts';
import { recoverDead } from './recover.ts';
import { codeOfError, codeOfOutcome, worstCode } from './session/exit.ts';
import { plannedBackup } from './session/planned.ts';
import { instancesOf, openSession, type Session, type World } from './session/session.ts';

export interface BackupFlags {
  readonly all: boolean;
  readonly options: Omit<BackupOptions, 'toolVersion'>;
  /** `--quiesce`, `--logs`: over what the configuration says. */
  readonly overrides: Partial<Pick<Instance, 'quiesce' | 'logs'>>;
}

/** loadConfig → observe → plan → execute, for one instance, under its lock. */
const backupOne = async (
  session: Session,
  instance: Instance,
  flags: BackupFlags,
  emit: Emit,
): Promise<RunRecord> => {
  const { world, engine, info } = session;
  await using lock = await acquireLock(`${info.id}/${instance.project}`, instance.name, world.clock.now());
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
  const instances = await instancesOf(session, names, flags.all);
  const folders = [...new Set(instances.map((instance) => instance.backups))];
  await recoverDead(world, session.engine, folders);
  const listener = chooseListener({
    ...world.flags,
    stdout: world.stdout,
    stderr: world.stderr,
    several: instances.length > 1,
  });
  const codes: number[] = [];
  try {
    for (const chosen of instances) {
      if (world.signal.aborted) break;
      const instance = { ...chosen, ...flags.overrides };
      const emit: Emit = (event: EventBody): void =>
        listener.on({ ...event, at: world.clock.now().toISOString(), instance: instance.name } as RunEvent);
      codes.push(await codeOfOne(world, (tell) => backupOne(session, instance, flags, tell), emit));
    }
  } finally {
    listener.close();
  }
  return worstCode(codes);
};

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
    const error = asStackBackupError(thrown);
    const code = world.signal.aborted ? 'interrupted' : error.code;
    tell({
      type: 'error',
      code,
      message: error.message,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
    end(code === 'interrupted' ? 'interrupted' : 'failed');
    return codeOfError(code, world.interruptedBy());
  }
};
