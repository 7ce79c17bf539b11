import type { Clock } from '../../../base/clock.ts';
import type { Warning } from '../../../base/events.ts';
import type { ContainerDetails, ContainerState, Engine } from '../../../docker/engine.ts';
import { statusOf } from '../../../docker/failure.ts';
import type { Journal } from '../../journal.ts';
import type { LedgerEntry } from '../../quiet/ledger.ts';

export interface JudgeTools {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly warn: (warning: Warning) => void;
}

/** Undefined when it is no more: anything else that cannot be asked is no answer. */
export const inspected = async (engine: Engine, id: string): Promise<ContainerDetails | undefined> => {
  try {
    return await engine.inspect(id);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
};

/** `created`: a start that failed half-way (its port was taken) leaves a container so. */
const isDown = (state: ContainerState): boolean => ['exited', 'dead', 'created'].includes(state);

/** A stop that the dead run may have asked for, and that goes on in the engine without it. */
const isStopping = (
  journal: Journal,
  { policyHeld, container }: LedgerEntry,
  now: ContainerDetails,
): boolean => {
  if (journal.phase !== 'stopping') return false;
  // The restart policy tells whether it may have been asked for: it is held before.
  const mayHaveBeenAsked = policyHeld || container.restartPolicy.name === 'no';
  return now.state === 'stopping' || (now.state === 'running' && mayHaveBeenAsked);
};

/**
 * The dead run was on its way back (and perhaps still copying, or it had failed in an earlier phase), and has
 * started this one (or somebody else has): what comes after a start may be missing, its `post_start` hooks, its
 * health, the freeze it was found in. All that is done again; the start itself is none, it runs.
 */
const wasStartedOnTheWayBack = (journal: Journal, entry: LedgerEntry, now: ContainerDetails): boolean =>
  (journal.phase === 'starting' || journal.returning === true) &&
  journal.told === undefined &&
  entry.container.action === 'stop' &&
  now.state === 'running';

/**
 * What was frozen cannot end by itself: when it has ended, an engine or a machine that was restarted has ended
 * it, and it is started. What may not have been frozen yet may be a one-shot that is done.
 */
const isFrozen = (
  { phase }: Journal,
  { warn }: JudgeTools,
  { container }: LedgerEntry,
  now: ContainerDetails,
): boolean => {
  if (!isDown(now.state)) return now.state === 'paused';
  if (phase !== 'stopping') return true;
  warn({
    code: 'ended-by-itself',
    about: container.service,
    message: `${container.name}, which the run was to freeze, has ended (exit code ${now.exitCode}); it stays so: \`docker start ${container.name}\` starts it`,
  });
  return false;
};

const isTouched = (
  journal: Journal,
  tools: JudgeTools,
  entry: LedgerEntry,
  now: ContainerDetails,
): boolean => {
  const { container } = entry;
  if (now.startedAt !== container.startedAt) return wasStartedOnTheWayBack(journal, entry, now);
  if (container.action === 'pause') return isFrozen(journal, tools, entry, now);
  if (isDown(now.state)) return true;
  if (!isStopping(journal, entry, now)) return false;
  // A start would be lost in it: the way back asks for it again, and waits for its end.
  entry.unseen = 'lost';
  return true;
};

/**
 * Fills one line of the ledger from what the container is now: only what the dead run did is to be undone,
 * and a container that somebody has started since is theirs.
 */
export const judge = async (journal: Journal, tools: JudgeTools, entry: LedgerEntry): Promise<void> => {
  const { container } = entry;
  if (container.ended === true || container.back === true) return;
  const now = await inspected(tools.engine, container.id);
  const asked = tools.clock.tick();
  if (now === undefined) {
    entry.askedAt = asked; // its start will say that it is gone
    return;
  }
  entry.policyHeld = container.restartPolicy.name !== 'no' && now.restartPolicy.name === 'no';
  if (isTouched(journal, tools, entry, now)) entry.askedAt = asked;
};
