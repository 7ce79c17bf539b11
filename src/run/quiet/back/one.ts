import { messageOf } from '../../../base/errors.ts';
import { statusOf } from '../../../docker/failure.ts';
import { isOutage } from '../../../docker/outage.ts';
import type { RunContext } from '../../context.ts';
import type { LedgerEntry } from '../ledger.ts';
import { runLifecycle } from '../lifecycle.ts';
import type { WayBack } from '../way-back.ts';
import type { PatientContext } from './patience.ts';
import { noteKeptDown, settleStop } from './settle.ts';

/** The old policy comes back before the start: should the start fail, the engine may still do its part. */
const givePolicyBack = async (context: RunContext, entry: LedgerEntry): Promise<void> => {
  if (!entry.policyHeld) return;
  const { id, name, service, restartPolicy } = entry.container;
  try {
    await context.engine.setRestartPolicy(id, restartPolicy);
    entry.policyHeld = false;
  } catch (error) {
    if (statusOf(error) === 404) return; // its start will tell
    if (isOutage(error)) throw error; // nothing is known of it, so it counts as down, and a recovery sees to it
    context.warn({
      code: 'restart-policy',
      about: service,
      message: `the restart policy of ${name} is still "no": \`docker update --restart ${restartPolicy.name} ${name}\` (${messageOf(error)})`,
    });
  }
};

/** Tells that a container is one step further on its way back. */
export const told = (
  context: RunContext,
  entry: LedgerEntry,
  action: 'started' | 'unpaused' | 'healthy',
): void => {
  const from = entry.startAskedAt ?? context.clock.tick();
  const { service, name } = entry.container;
  const ms = Math.round(context.clock.tick() - from);
  context.emit({ type: 'container', action, service, container: name, ms });
};

const start = async (context: PatientContext, way: WayBack, entry: LedgerEntry): Promise<void> => {
  const { engine, clock } = context;
  const { container } = entry;
  await engine.start(container.id);
  entry.backAt = clock.tick();
  told(context, entry, 'started');
  await runLifecycle(context, container, 'post_start', await way.postStart(container.service));
  if (container.stateBefore === 'paused') await engine.pause(container.id);
};

const startStopped = async (context: PatientContext, way: WayBack, entry: LedgerEntry): Promise<void> => {
  try {
    await settleStop(context, entry);
  } finally {
    await givePolicyBack(context, entry);
  }
  if (entry.askedAt === undefined && entry.unsure === true)
    noteKeptDown(context, entry, await context.engine.inspect(entry.container.id));
  if (entry.askedAt === undefined) return;
  entry.startAskedAt ??= context.clock.tick();
  await start(context, way, entry);
};

/** An engine that is restarted ends what is frozen: that one is started. */
const thaw = async (context: PatientContext, way: WayBack, entry: LedgerEntry): Promise<void> => {
  if (entry.askedAt === undefined) return;
  const { engine, clock } = context;
  const { id } = entry.container;
  entry.startAskedAt ??= clock.tick();
  const { state } = await engine.inspect(id);
  if (state === 'exited' || state === 'dead') return start(context, way, entry);
  if (state === 'paused') await engine.unpause(id);
  entry.backAt = clock.tick();
  told(context, entry, 'unpaused');
};

/** Undoes what was done to one container, as far as its line of the ledger says. */
export const bringOneBack = (context: PatientContext, way: WayBack, entry: LedgerEntry): Promise<void> =>
  entry.container.action === 'stop' ? startStopped(context, way, entry) : thaw(context, way, entry);
