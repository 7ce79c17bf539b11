import { StackBackupError } from '../../base/errors.ts';
import { statusOf } from '../../docker/failure.ts';
import type { BackupPlan } from '../../plan/types.ts';
import { projectContainers } from '../../stack/observe.ts';
import type { RunContext } from '../context.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import type { StartWatch } from './window/watch.ts';

/** Says what must not have happened, and by whose hand. */
type Blame = (message: string) => StackBackupError;

const blame =
  (wasLost: boolean): Blame =>
  (message) =>
    wasLost
      ? new StackBackupError(
          'stack-changed',
          `${message} during the copy, when the engine was restarted, so what was copied cannot be trusted`,
          { next: 'Run the backup again when the engine stays up.' },
        )
      : new StackBackupError(
          'stack-changed',
          `${message} by somebody else during the copy, so what was copied cannot be trusted`,
          {
            next: 'Run the backup again when nobody else (a deploy, an engine restart) is changing the stack.',
          },
        );

/** The run itself has asked for its start: from then on it may do as it likes. */
const isOnItsWayBack = (entry: LedgerEntry): boolean => entry.startAskedAt !== undefined;

/** A container that the run made quiet must still be as it was then: not started, not thawed, not gone. */
const assertQuiet = async (context: RunContext, entry: LedgerEntry, changed: Blame): Promise<void> => {
  const { container } = entry;
  const now = await context.engine.inspect(container.id).catch((error: unknown) => {
    throw statusOf(error) === 404 ? changed(`${container.name} was removed`) : error;
  });
  const isFrozen = container.action === 'pause' && entry.ended !== true;
  const hasEnded = now.state === 'exited' || now.state === 'dead';
  const isAsLeft = isFrozen ? now.state === 'paused' : hasEnded;
  if (isAsLeft && now.startedAt === entry.startedAt) return;
  if (isOnItsWayBack(entry)) return; // asked for while the engine was answering
  throw changed(`${container.name} was ${isFrozen ? (hasEnded ? 'ended' : 'thawed') : 'started'}`);
};

/** No other container of the project may have appeared, or run, since the plan was made. */
const assertNobodyElse = async (
  context: RunContext,
  plan: BackupPlan,
  ledger: Ledger,
  changed: Blame,
): Promise<void> => {
  const before = new Map(plan.stack.containers.map((one) => [one.id, one.details.startedAt]));
  for (const one of await projectContainers(context.engine, plan.stack.project)) {
    if (ledger.has(one.id)) continue;
    const known = before.get(one.id);
    const hasRun = known === undefined ? one.details.state !== 'created' : known !== one.details.startedAt;
    if (hasRun) throw changed(`${one.name} was ${known === undefined ? 'created and started' : 'started'}`);
  }
};

/** Proves the same for one container that comes back before the others. Rejects with `stack-changed`. */
export const assertStillQuiet = async (
  context: RunContext,
  entry: LedgerEntry,
  watch: StartWatch,
): Promise<void> => {
  const changed = blame(watch.wasLost());
  await assertQuiet(context, entry, changed);
  if (watch.seen.includes(entry.container.id)) throw changed(`${entry.container.name} was started`);
};

/**
 * Proves, before the last services come back, that nobody ran during the copy: a start in between makes the
 * snapshot worthless even when the container has ended again. The watch has what the engine told of
 * meanwhile; inspecting catches what it did not tell. Rejects with `stack-changed`.
 */
export const assertUnchanged = async (
  context: RunContext,
  plan: BackupPlan,
  ledger: Ledger,
  watch: StartWatch,
): Promise<void> => {
  const changed = blame(watch.wasLost());
  for (const entry of ledger.values()) if (!isOnItsWayBack(entry)) await assertQuiet(context, entry, changed);
  await assertNobodyElse(context, plan, ledger, changed);
  const names = watch.seen.map(
    (id) => plan.stack.containers.find((one) => one.id === id)?.name ?? id.slice(0, 12),
  );
  if (names.length > 0) throw changed(`${names.join(', ')} was started`);
};
