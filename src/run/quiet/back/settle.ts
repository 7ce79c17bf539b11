import { StackBackupError } from '../../../base/errors.ts';
import { sleep } from '../../../base/wait/heed.ts';
import type { ContainerDetails } from '../../../docker/engine.ts';
import type { LedgerEntry } from '../ledger.ts';
import type { PatientContext } from './patience.ts';

/** How long a container may take to be gone once it was killed, ms. Only the kernel can hold it then. */
const killMs = 10_000;
const everyMs = 50;

/** Also a stop that never reached it leaves it so. */
const isStill = (entry: LedgerEntry, now: ContainerDetails): boolean =>
  now.state !== 'exited' && now.state !== 'dead' && now.startedAt === entry.container.startedAt;

const kill = async (context: PatientContext, entry: LedgerEntry): Promise<void> => {
  const { clock, engine, warn } = context;
  const { id, name, service } = entry.container;
  const message = `${name} was still stopping when there was no more time for it; it was killed, to start it again`;
  warn({ code: 'killed-while-stopping', about: service, message });
  const limit = clock.tick() + killMs;
  await engine.kill(id);
  while (isStill(entry, await engine.inspect(id))) {
    if (clock.tick() > limit)
      throw new StackBackupError('stop-failed', 'it hangs while it is stopping; killing it did not end it', {
        next: `Look with \`docker top ${name}\` for what its processes wait for: a disk, a network share.`,
      });
    await sleep(everyMs);
  }
};

/**
 * Brings a stop to its end that nobody saw end: the engine went away over it, or there was no more time. It
 * may still be under way in the engine, and a start would be lost in it. With time it is asked for again and
 * waited for; without, the container is killed, as the end of its grace period would do.
 */
export const settleStop = async (context: PatientContext, entry: LedgerEntry): Promise<void> => {
  const { unseen, container } = entry;
  if (unseen === undefined) return;
  if (isStill(entry, await context.engine.inspect(container.id)))
    await (unseen === 'late' ? kill(context, entry) : context.engine.stop(container.id));
  delete entry.unseen;
};

/**
 * Held, and not asked to stop yet, as the engine went away: one that ends what runs has not started it again, because
 * of the policy that it had then. It counts as stopped by this run.
 */
export const noteKeptDown = (
  { clock }: Pick<PatientContext, 'clock'>,
  entry: LedgerEntry,
  { state }: Pick<ContainerDetails, 'state'>,
): void => {
  const { container, unsure } = entry;
  if (unsure !== true || container.action !== 'stop' || container.restartPolicy.name === 'no') return;
  if (state === 'exited' || state === 'dead') entry.askedAt ??= clock.tick();
};
