import { sleep } from '../../../base/wait/heed.ts';
import type { ContainerDetails } from '../../../docker/engine.ts';
import type { RunContext } from '../../context.ts';
import type { LedgerEntry } from '../ledger.ts';

/** How long is looked at a container that the engine has to restart, and how long it has to last to be counted up, ms. */
interface Limits {
  readonly watchMs: number;
  /** As the engine itself has it: it forgets earlier failures after so long. */
  readonly lastsMs: number;
  readonly everyMs: number;
}
const limits: Limits = { watchMs: 30_000, lastsMs: 10_000, everyMs: 250 };

const hasEnded = ({ state }: ContainerDetails): boolean => state === 'exited' || state === 'dead';

/** The run has started it, so the count of restarts begins there. */
const isRestarted = ({ container }: LedgerEntry, { state, restartCount }: ContainerDetails): boolean =>
  container.action === 'stop' &&
  container.stateBefore !== 'restarting' &&
  (state === 'restarting' || (state === 'running' && restartCount > 0));

/** A job that is done and begins anew, because its restart policy says so, is no failure. */
const isDone = ({ state, exitCode }: ContainerDetails): boolean => state === 'restarting' && exitCode === 0;

/** What the engine restarts is watched until it lasts, has ended for good, or the time is over. */
const watched = async (
  { engine, clock, signal, warn }: RunContext,
  { container: { id, name, service } }: LedgerEntry,
  first: ContainerDetails,
  { watchMs, lastsMs, everyMs }: Limits,
): Promise<string | undefined> => {
  const until = clock.tick() + watchMs;
  let [now, since, exitCode] = [first, clock.tick(), first.exitCode];
  while (!signal.aborted) {
    const before = now.restartCount;
    await sleep(everyMs);
    now = await engine.inspect(id);
    if (now.state !== 'running') exitCode = now.exitCode;
    if (isDone(now)) return undefined;
    if (hasEnded(now)) return `it ended again with exit code ${exitCode}`;
    if (now.state === 'restarting' || now.restartCount !== before) since = clock.tick();
    if (clock.tick() - since >= lastsMs) break;
    if (clock.tick() >= until)
      return `it ends again and again (exit code ${exitCode}), and the engine restarts it each time`;
  }
  const message = `${name} ended after it had come back, and was restarted by the engine; now it lasts`;
  if (!signal.aborted) warn({ code: 'restarted', about: service, message, notice: true });
  return undefined;
};

/** Restarted so often before the run, it was one that comes and goes then, too. */
const restlessCount = 3;

export const isRestless = ({ restartCount }: Pick<ContainerDetails, 'restartCount'>): boolean =>
  restartCount >= restlessCount;

/**
 * A last look at a container that came back: why it is down, undefined when it is not. One that crashes at each start
 * runs, as far as a single look can tell. Of one that was restless before no more is expected.
 */
export const whyDown = async (
  context: RunContext,
  entry: LedgerEntry,
  wasRestless: boolean,
  within: Limits = limits,
): Promise<string | undefined> => {
  const now = await context.engine.inspect(entry.container.id);
  if (hasEnded(now)) return `it ended again with exit code ${now.exitCode}`;
  return isRestarted(entry, now) && !isDone(now) && !wasRestless
    ? watched(context, entry, now, within)
    : undefined;
};
