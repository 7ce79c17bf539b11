import { StackBackupError } from '../../base/errors.ts';
import { statusOf } from '../../docker/failure.ts';
import type { BackupPlan } from '../../plan/types.ts';
import { projectContainers } from '../../stack/observe.ts';
import type { RunContext } from '../context.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';

const changed = (message: string): StackBackupError =>
  new StackBackupError('stack-changed', `${message} during the copy, so what was copied cannot be trusted`, {
    next: 'Run the backup again when nobody else (a deploy, an engine restart) is changing the stack.',
  });

/** A container that the run made quiet must still be as it was then: not started, not thawed, not gone. */
const assertQuiet = async (context: RunContext, entry: LedgerEntry): Promise<void> => {
  const { container } = entry;
  const now = await context.engine.inspect(container.id).catch((error: unknown) => {
    throw statusOf(error) === 404 ? changed(`${container.name} was removed`) : error;
  });
  const isFrozen = container.action === 'pause' && entry.ended !== true;
  const isAsLeft = isFrozen ? now.state === 'paused' : now.state === 'exited' || now.state === 'dead';
  if (!isAsLeft || now.startedAt !== entry.startedAt)
    throw changed(`${container.name} was ${isFrozen ? 'thawed' : 'started'} by somebody else`);
};

/** No other container of the project may have appeared, or run, since the plan was made. */
const assertNobodyElse = async (context: RunContext, plan: BackupPlan, ledger: Ledger): Promise<void> => {
  const before = new Map(plan.stack.containers.map((one) => [one.id, one.details.startedAt]));
  for (const one of await projectContainers(context.engine, plan.stack.project)) {
    if (ledger.has(one.id)) continue;
    const known = before.get(one.id);
    const hasRun = known === undefined ? one.details.state !== 'created' : known !== one.details.startedAt;
    if (hasRun)
      throw changed(
        `${one.name} was ${known === undefined ? 'created and started' : 'started'} by somebody else`,
      );
  }
};

/**
 * Proves, before the services come back, that nobody ran during the copy: a start in between makes the
 * snapshot worthless even when the container has ended again. `seen` are the starts that the engine told
 * of meanwhile; inspecting catches those it did not tell. Rejects with `stack-changed`.
 */
export const assertUnchanged = async (
  context: RunContext,
  plan: BackupPlan,
  ledger: Ledger,
  seen: readonly string[],
): Promise<void> => {
  for (const entry of ledger.values()) await assertQuiet(context, entry);
  await assertNobodyElse(context, plan, ledger);
  const names = seen.map((id) => plan.stack.containers.find((one) => one.id === id)?.name ?? id.slice(0, 12));
  if (names.length > 0) throw changed(`${names.join(', ')} was started by somebody else`);
};
