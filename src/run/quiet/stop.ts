import { messageOf, StackBackupError } from '../../base/errors.ts';
import { abandonable } from '../../docker/abandonable.ts';
import { statusOf } from '../../docker/failure.ts';
import { isOutage } from '../../docker/outage.ts';
import type { BackupPlan } from '../../plan/types.ts';
import type { Need } from '../../stack/order.ts';
import type { RunContext } from '../context.ts';
import { inOrder, reversed } from './in-order.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { runLifecycle } from './lifecycle.ts';

/** 128 + SIGKILL: the grace period ran out (or the kernel's memory killer came). */
const killedCode = 137;

/** While a run holds a container down, no restart policy may bring it up (measured: `always` does). */
const holdPolicy = async (context: RunContext, entry: LedgerEntry): Promise<void> => {
  if (entry.container.restartPolicy.name === 'no') return;
  entry.policyHeld = true;
  await context.engine.setRestartPolicy(entry.container.id, { name: 'no', maximumRetryCount: 0 });
};

const assertNotFrozen = (entry: LedgerEntry, state: string): void => {
  const { name, stateBefore } = entry.container;
  if (state === 'paused' && stateBefore !== 'paused')
    throw new StackBackupError(
      'stack-changed',
      `${name} was frozen by somebody else after the run had begun`,
      {
        next: 'Run the backup again when nobody else is changing the stack.',
      },
    );
};

/**
 * Whether a container has ended already. Hooks before the stop may take an hour: what has ended by itself
 * before anything was stopped must not be started again. But what ends once the stop is under way may have
 * ended because what it talks to is gone: that one is brought back with the others.
 */
const hasEnded = async (context: RunContext, ledger: Ledger, entry: LedgerEntry): Promise<boolean> => {
  const { id, name, service } = entry.container;
  const now = await context.engine.inspect(id);
  assertNotFrozen(entry, now.state);
  if (now.state !== 'exited' && now.state !== 'dead') return false;
  entry.exitCode = now.exitCode;
  entry.startedAt = now.startedAt;
  const isUnderWay = [...ledger.values()].some((other) => other.askedAt !== undefined);
  if (isUnderWay && entry.container.action === 'stop') {
    await holdPolicy(context, entry);
    entry.askedAt = context.clock.tick();
    entry.quietAt = entry.askedAt;
    return true;
  }
  entry.ended = true;
  await context.noteEnded?.(id);
  const message = `${name} ended by itself (exit code ${now.exitCode}) before it was to be made quiet; it stays so`;
  context.warn({ code: 'ended-by-itself', about: service, message, ...(isUnderWay ? {} : { notice: true }) });
  return true;
};

/**
 * The run's own signal does not end it: a stop that is given up half-way cannot be undone by a start, so it is
 * waited for. When that takes too long, or the engine goes away over it, the ledger says so.
 */
const askToStop = async (context: RunContext, entry: LedgerEntry): Promise<void> => {
  try {
    await context.engine.stop(entry.container.id);
  } catch (error) {
    if (error instanceof StackBackupError && error.code === 'timeout') entry.unseen = 'late';
    else if (isOutage(error)) entry.unseen = 'lost';
    throw error;
  }
};

const stopOne = async (context: RunContext, plan: BackupPlan, entry: LedgerEntry): Promise<void> => {
  const { engine, clock, emit, warn } = context;
  const { container } = entry;
  if (container.stateBefore === 'running')
    await runLifecycle(
      context,
      container,
      'pre_stop',
      plan.stack.lifecycle[container.service]?.preStop ?? [],
    );
  await holdPolicy(context, entry);
  entry.askedAt = clock.tick();
  await askToStop(context, entry);
  const after = await engine.inspect(container.id);
  entry.quietAt = clock.tick();
  entry.exitCode = after.exitCode;
  entry.startedAt = after.startedAt;
  const ms = Math.round(entry.quietAt - entry.askedAt);
  emit({
    type: 'container',
    action: 'stopped',
    service: container.service,
    container: container.name,
    ms,
    exitCode: after.exitCode,
  });
  if (after.exitCode === killedCode)
    warn({
      code: 'killed-after-grace',
      about: container.service,
      message: `${container.name} did not stop within its grace period and was killed; its files are as after a crash`,
    });
};

const pauseOne = async (context: RunContext, entry: LedgerEntry): Promise<void> => {
  const { engine, clock, emit } = context;
  const { container } = entry;
  entry.askedAt = clock.tick();
  await engine.pause(container.id);
  entry.startedAt = (await engine.inspect(container.id)).startedAt;
  entry.quietAt = clock.tick();
  emit({
    type: 'container',
    action: 'paused',
    service: container.service,
    container: container.name,
    ms: Math.round(entry.quietAt - entry.askedAt),
  });
};

const failure = (entry: LedgerEntry, error: unknown): StackBackupError => {
  const { name, action } = entry.container;
  if (error instanceof StackBackupError && error.code === 'stack-changed') return error;
  if (statusOf(error) === 404)
    return new StackBackupError('stack-changed', `${name} is gone: it was removed after the run had begun`, {
      cause: error,
      next: 'Run the backup again when nobody else is changing the stack.',
    });
  return new StackBackupError(
    'stop-failed',
    `${name} could not be ${action === 'stop' ? 'stopped' : 'frozen'}: ${messageOf(error)}`,
    {
      cause: error,
      next: `Try \`docker ${action} ${name}\` by hand and look into the log of the Docker daemon.`,
    },
  );
};

const announce = (context: RunContext, plan: BackupPlan, told: Set<number>, id: string): void => {
  const at = plan.stopWaves.findIndex((wave) => wave.some((container) => container.id === id));
  const wave = plan.stopWaves[at];
  if (wave === undefined || told.has(at)) return;
  told.add(at);
  context.emit({
    type: 'wave',
    action: wave.every((container) => container.action === 'pause') ? 'pause' : 'stop',
    wave: at + 1,
    of: plan.stopWaves.length,
    containers: wave.map((container) => container.name),
  });
};

/**
 * Stops and freezes what the plan names, dependents first, each as soon as its dependents are quiet. After
 * the first failure, or when the run is interrupted, no further container is asked; those already asked are
 * waited for, unless there is no more time (`noTime`). The ledger says at every moment what has to be undone.
 */
export const quietDown = async (
  whole: RunContext,
  plan: BackupPlan,
  ledger: Ledger,
  needs: readonly Need[],
  noTime: AbortSignal,
): Promise<void> => {
  const context = { ...whole, engine: abandonable(whole.engine, noTime) };
  const told = new Set<number>();
  let failed: unknown;
  await inOrder([...ledger.keys()], reversed(needs), async (id) => {
    const entry = ledger.get(id) as LedgerEntry;
    if (failed !== undefined) return;
    try {
      context.signal.throwIfAborted();
      if (await hasEnded(context, ledger, entry)) return;
      announce(context, plan, told, id);
      await (entry.container.action === 'stop' ? stopOne(context, plan, entry) : pauseOne(context, entry));
    } catch (error) {
      if (noTime.aborted || isOutage(error)) entry.unsure = true;
      failed ??= context.signal.aborted ? interrupted(error) : failure(entry, error);
    }
  });
  if (failed !== undefined) throw failed;
  context.signal.throwIfAborted();
};

const interrupted = (cause: unknown): StackBackupError =>
  new StackBackupError('interrupted', 'interrupted while the services were stopped', { cause });
