import { formatDuration } from '../../base/duration.ts';
import { messageOf } from '../../base/errors.ts';
import { statusOf } from '../../docker/failure.ts';
import { projectContainers } from '../../stack/observe.ts';
import type { RunContext } from '../context.ts';
import { waitHealthy } from './health.ts';
import { inOrder } from './in-order.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { runLifecycle } from './lifecycle.ts';
import type { WayBack } from './way-back.ts';

/** A container that is gone is no loss when its service runs in another one: somebody recreated it. */
const isReplaced = async (context: RunContext, way: WayBack, entry: LedgerEntry): Promise<boolean> => {
  const now = await projectContainers(context.engine, way.project).catch(() => []);
  return now.some(
    (one) =>
      one.service === entry.container.service &&
      one.details.state === 'running' &&
      !way.known.includes(one.id),
  );
};

const noteDown = async (
  context: RunContext,
  way: WayBack,
  entry: LedgerEntry,
  error: unknown,
): Promise<void> => {
  const isGone = statusOf(error) === 404;
  if (isGone && (await isReplaced(context, way, entry))) return;
  if (isGone) entry.gone = true;
  entry.down = isGone ? 'it was removed while it was stopped' : messageOf(error);
};

/** The old policy comes back before the start: should the start fail, the engine may still do its part. */
const givePolicyBack = async (context: RunContext, entry: LedgerEntry): Promise<void> => {
  if (!entry.policyHeld) return;
  const { id, name, service, restartPolicy } = entry.container;
  try {
    await context.engine.setRestartPolicy(id, restartPolicy);
    entry.policyHeld = false;
  } catch (error) {
    if (statusOf(error) === 404) return; // its start will tell
    context.warn({
      code: 'restart-policy',
      about: service,
      message: `the restart policy of ${name} is still "no": \`docker update --restart ${restartPolicy.name} ${name}\` (${messageOf(error)})`,
    });
  }
};

const told = (context: RunContext, entry: LedgerEntry, action: 'started' | 'unpaused' | 'healthy'): void => {
  const from = entry.startAskedAt ?? context.clock.tick();
  const { service, name } = entry.container;
  const ms = Math.round(context.clock.tick() - from);
  context.emit({ type: 'container', action, service, container: name, ms });
};

const startOne = async (context: RunContext, way: WayBack, entry: LedgerEntry): Promise<void> => {
  const { engine, clock } = context;
  const { container } = entry;
  await givePolicyBack(context, entry);
  if (entry.askedAt === undefined) return;
  entry.startAskedAt = clock.tick();
  await engine.start(container.id);
  entry.backAt = clock.tick();
  told(context, entry, 'started');
  await runLifecycle(context, container, 'post_start', await way.postStart(container.service));
  if (container.stateBefore === 'paused') await engine.pause(container.id);
};

const thawOne = async (context: RunContext, entry: LedgerEntry): Promise<void> => {
  if (entry.askedAt === undefined) return;
  entry.startAskedAt = context.clock.tick();
  const { state } = await context.engine.inspect(entry.container.id);
  if (state === 'paused') await context.engine.unpause(entry.container.id);
  entry.backAt = context.clock.tick();
  told(context, entry, 'unpaused');
};

/** Waits for health where there was health before; a service that does not get there is named. */
const awaitServing = async (context: RunContext, way: WayBack, entry: LedgerEntry): Promise<void> => {
  const { container } = entry;
  if (entry.backAt === undefined || entry.down !== undefined) return;
  // What was frozen keeps its connections and answers from the thaw on; its next probe only confirms it.
  if (!container.awaitHealth || container.action === 'pause') entry.servingAt = entry.backAt;
  if (!container.awaitHealth) return;
  const limit = way.healthMs;
  const answer = await waitHealthy(context, container.id, limit);
  if (answer === 'healthy') {
    entry.servingAt ??= context.clock.tick();
    told(context, entry, 'healthy');
  } else if (answer === 'late') {
    context.warn({
      code: 'not-healthy',
      about: container.service,
      message: `${container.name} runs again, but was not healthy within ${formatDuration(limit)}`,
    });
  } else {
    entry.down = `it ended again with exit code ${answer.ended.exitCode}`;
  }
};

/**
 * Brings back whatever the ledger says was touched, dependencies first, each as soon as what it needs is
 * up. Never gives up on one because of another, never looks at the run's signal, and never throws: what
 * could not be brought back stands in the ledger.
 */
export const bringBack = async (context: RunContext, way: WayBack, ledger: Ledger): Promise<void> => {
  const touched = [...ledger.values()].filter((entry) => entry.askedAt !== undefined || entry.policyHeld);
  if (touched.length === 0) return;
  const serving: Promise<void>[] = [];
  await inOrder(
    touched.map((entry) => entry.container.id),
    way.needs,
    async (id) => {
      const entry = ledger.get(id) as LedgerEntry;
      try {
        await (entry.container.action === 'stop' ? startOne(context, way, entry) : thawOne(context, entry));
      } catch (error) {
        await noteDown(context, way, entry, error);
      }
      const health = awaitServing(context, way, entry).catch((error) => noteDown(context, way, entry, error));
      serving.push(health);
      if (way.awaited.includes(id)) await health;
    },
  );
  await Promise.all(serving);
};

/** A last look at the end of a run: what was started and has ended again since is down, too. */
export const confirmRunning = async (context: RunContext, way: WayBack, ledger: Ledger): Promise<void> => {
  for (const entry of ledger.values()) {
    if (entry.backAt === undefined || entry.down !== undefined) continue;
    try {
      const { state, exitCode } = await context.engine.inspect(entry.container.id);
      if (state === 'exited' || state === 'dead') entry.down = `it ended again with exit code ${exitCode}`;
    } catch (error) {
      await noteDown(context, way, entry, error);
    }
  }
};
