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
import { hasEnded, noteEnded } from './window/ended.ts';
import { holdPolicy } from './window/hold.ts';

/** 128 + SIGKILL: the grace period ran out (or the kernel's memory killer came). */
const killedCode = 137;

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
  if (container.stateBefore === 'running') {
    await context.lastLook?.(context, container.id, 'stop');
    await runLifecycle(
      context,
      container,
      'pre_stop',
      plan.stack.lifecycle[container.service]?.preStop ?? [],
    );
  }
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
  await context.lastLook?.(context, container.id, 'pause');
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
  if (error instanceof StackBackupError && (error.code === 'stack-changed' || error.code === 'check-failed'))
    return error;
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
  await noteEnded(context, ledger);
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
