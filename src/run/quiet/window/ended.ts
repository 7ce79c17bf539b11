import { StackBackupError } from '../../../base/errors.ts';
import type { ContainerDetails } from '../../../docker/engine.ts';
import type { RunContext } from '../../context.ts';
import type { Ledger, LedgerEntry } from '../ledger.ts';
import { holdPolicy } from './hold.ts';

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

const isOver = ({ state }: ContainerDetails): boolean => state === 'exited' || state === 'dead';

/** It stays as it is, and the journal knows. */
const leaveEnded = async (
  context: RunContext,
  entry: LedgerEntry,
  now: ContainerDetails,
  isUnderWay: boolean,
): Promise<void> => {
  const { id, name, service } = entry.container;
  entry.exitCode = now.exitCode;
  entry.startedAt = now.startedAt;
  entry.ended = true;
  await context.noteEnded?.(id);
  const message = `${name} ended by itself (exit code ${now.exitCode}) before it was to be made quiet; it stays so`;
  context.warn({ code: 'ended-by-itself', about: service, message, ...(isUnderWay ? {} : { notice: true }) });
};

/**
 * Hooks before the stop may take an hour: what has ended by itself before anything was stopped must not be
 * started again. So all are looked at before the first is asked, whatever the order is then.
 */
export const noteEnded = async (context: RunContext, ledger: Ledger): Promise<void> => {
  const look = async (entry: LedgerEntry): Promise<void> => {
    // What is wrong with one is told when its turn comes.
    const now = await context.engine.inspect(entry.container.id).catch(() => undefined);
    if (now !== undefined && isOver(now)) await leaveEnded(context, entry, now, false);
  };
  await Promise.all([...ledger.values()].map(look));
};

/**
 * Whether a container has ended when its turn comes. Once the stop is under way it may have ended because what
 * it talks to is gone: that one is brought back with the others.
 */
export const hasEnded = async (context: RunContext, ledger: Ledger, entry: LedgerEntry): Promise<boolean> => {
  if (entry.ended === true) return true;
  const now = await context.engine.inspect(entry.container.id);
  assertNotFrozen(entry, now.state);
  if (!isOver(now)) return false;
  const isUnderWay = [...ledger.values()].some((other) => other.askedAt !== undefined);
  if (!isUnderWay || entry.container.action === 'pause') {
    await leaveEnded(context, entry, now, isUnderWay);
    return true;
  }
  entry.exitCode = now.exitCode;
  entry.startedAt = now.startedAt;
  await holdPolicy(context, entry);
  entry.askedAt = context.clock.tick();
  entry.quietAt = entry.askedAt;
  return true;
};
