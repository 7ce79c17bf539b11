import type { ContainerDetails } from '../../../docker/engine.ts';
import type { LedgerEntry } from '../ledger.ts';
import type { PatientContext } from './patience.ts';
import { noteKeptDown } from './settle.ts';

/** The engine was not seen to carry out what it was asked before that was to be undone. */
const isUncertain = (entry: LedgerEntry): boolean => entry.unsure === true && entry.down === undefined;

const hasState = ({ container, askedAt }: LedgerEntry, { state }: ContainerDetails): boolean => {
  if (askedAt === undefined) return true;
  if (container.action === 'pause') return state === 'running' || state === 'restarting';
  if (container.stateBefore === 'paused') return state === 'paused';
  return state !== 'exited' && state !== 'dead' && state !== 'created';
};

/** A call that held the policy, and got no answer, may be carried out after the one that gave it back. */
const givePolicyBackAgain = async (
  context: PatientContext,
  { container }: LedgerEntry,
  now: ContainerDetails,
): Promise<void> => {
  const { name, maximumRetryCount } = container.restartPolicy;
  const is = now.restartPolicy;
  if (is.name === name && is.maximumRetryCount === maximumRetryCount) return;
  await context.engine.setRestartPolicy(container.id, container.restartPolicy);
};

const forget = (entry: LedgerEntry): void => {
  delete entry.backAt;
  delete entry.servingAt;
  delete entry.down;
};

/** Whether this one has to be brought back once more; then it counts as not brought back yet. */
const isUndone = async (context: PatientContext, entry: LedgerEntry): Promise<boolean> => {
  const now = await context.engine.inspect(entry.container.id);
  await givePolicyBackAgain(context, entry, now);
  noteKeptDown(context, entry, now);
  if (hasState(entry, now) && entry.down === undefined) return false;
  forget(entry);
  return true;
};

/** A program that gives up by itself ends so; one that a signal has ended, or that is done, does not. */
const hasGivenUp = ({ state, exitCode }: ContainerDetails): boolean =>
  (state === 'exited' || state === 'dead') && exitCode > 0 && exitCode < 128;

/**
 * Some services need others that their compose file does not name, and end when those are not there. So what
 * came back while others were still down, and has given up since, gets its second try with all of them up.
 */
export const endedEarly = async (
  context: PatientContext,
  touched: readonly LedgerEntry[],
): Promise<readonly LedgerEntry[]> => {
  const early = touched.filter((entry) => entry.early === true && entry.container.action === 'stop');
  const ended: LedgerEntry[] = [];
  for (const entry of early) {
    const { id, name, service } = entry.container;
    const now = await context.engine.inspect(id).catch(() => undefined);
    delete entry.early;
    if (now === undefined || !hasGivenUp(now)) continue;
    forget(entry);
    ended.push(entry);
    const message = `${name} ended with exit code ${now.exitCode} while other services were still down; it was started once more`;
    context.warn({ code: 'ended-early', about: service, message, notice: true });
  }
  return ended;
};

/**
 * Looks again at what was brought back while not everything could be known: an engine that went away
 * meanwhile (`wasAway`) may have ended what had been started, and a call that got no answer may have been
 * carried out late. Resolves with those that have to be brought back once more.
 */
export const undoneSince = async (
  context: PatientContext,
  touched: readonly LedgerEntry[],
  wasAway: boolean,
): Promise<readonly LedgerEntry[]> => {
  const undone: LedgerEntry[] = [];
  for (const entry of touched) {
    if (entry.gone === true || !(wasAway || isUncertain(entry))) continue;
    // What cannot be asked now stays as it stands in the ledger: the engine has been waited for already.
    if (await isUndone(context, entry).catch(() => false)) undone.push(entry);
  }
  return undone;
};
