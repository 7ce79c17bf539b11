import type { BackupPlan } from '../../plan/types.ts';
import type { RunContext } from '../context.ts';
import { isTouched } from './back/begin.ts';
import { noteDown } from './back/down.ts';
import { waitHealthy } from './back/health.ts';
import { isRestless, whyDown } from './back/lasting.ts';
import { bringOneBack } from './back/one.ts';
import { defaultEngineMs, type PatientContext, patientContext } from './back/patience.ts';
import { awaitServing } from './back/serving.ts';
import { endedEarly, undoneSince } from './back/undone.ts';
import { inOrder } from './in-order.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import type { WayBack } from './way-back.ts';

/** How often what was brought back is brought back again, because the engine went away over it. */
const mostRounds = 5;

/** Those that nothing was done to, or that an engine has started by itself: they may not be healthy yet. */
const awaitedByOthers = (way: WayBack, ledger: Ledger, touched: readonly LedgerEntry[]) => {
  const needed = new Set(
    way.needs.filter(({ from }) => touched.some((entry) => entry.container.id === from)).map(({ to }) => to),
  );
  return [...ledger.values()].filter(
    (entry) =>
      !isTouched(entry) &&
      entry.container.awaitHealth &&
      needed.has(entry.container.id) &&
      way.awaited.includes(entry.container.id),
  );
};

/** What is asked of whoever knows more than the ledger. */
export interface WhenBack {
  /** Resolves when a container may come back; whatever it needs is back by then. */
  mayReturn(id: string): Promise<void>;
  /** Resolves when nobody is kept down any more: what has come back before is looked after until then. */
  readonly over: Promise<void>;
  /** The engine was away since the first could come back, as others have noticed. */
  wasAway(): boolean;
}

const atOnce: WhenBack = {
  mayReturn: () => Promise.resolve(),
  over: Promise.resolve(),
  wasAway: () => false,
};

/** Runs, and serves as far as that can be told: a recovery has nothing to do with it any more. */
const isBack = ({ backAt, down }: LedgerEntry): boolean => backAt !== undefined && down === undefined;

const bringAllBack = async (
  context: PatientContext,
  way: WayBack,
  entries: readonly LedgerEntry[],
  mayReturn: WhenBack['mayReturn'],
): Promise<void> => {
  const byId = new Map(entries.map((entry) => [entry.container.id, entry]));
  const serving: Promise<void>[] = [];
  await inOrder([...byId.keys()], way.needs, async (id) => {
    const entry = byId.get(id) as LedgerEntry;
    if (!isTouched(entry)) return void (await waitHealthy(context, id, way.healthMs).catch(() => undefined));
    await mayReturn(id);
    try {
      await bringOneBack(context, way, entry);
    } catch (error) {
      await noteDown(context, way, entry, error);
    }
    const health = awaitServing(context, way, entry)
      .catch((error) => noteDown(context, way, entry, error))
      .then(() => (isBack(entry) ? context.noteBack?.(id) : undefined));
    serving.push(health);
    if (way.awaited.includes(id)) await health;
  });
  await Promise.all(serving);
};

/**
 * Brings back whatever the ledger says was touched, dependencies first, each as soon as what it needs is
 * up. Never gives up on one because of another, never looks at the run's signal, and never throws: what
 * could not be brought back stands in the ledger. An engine that is away is waited for (`limits.engine`; a
 * context that is not patient gets that limit's default), and what it ended by its going is started again.
 * With `when` it may begin while some have to stay down for a while still.
 */
export const bringBack = async (
  context: RunContext,
  way: WayBack,
  ledger: Ledger,
  when: WhenBack = atOnce,
): Promise<void> => {
  const patient = patientContext(context, defaultEngineMs);
  const touched = [...ledger.values()].filter(isTouched);
  if (when === atOnce) for (const entry of touched) entry.freedAt ??= patient.clock.tick();
  let entries: readonly LedgerEntry[] = [...touched, ...awaitedByOthers(way, ledger, touched)];
  let known = patient.engine.outages();
  for (let round = 0; round < mostRounds && touched.length > 0; round++) {
    // Whoever comes back once more has been let go before.
    await bringAllBack(patient, way, entries, (round === 0 ? when : atOnce).mayReturn);
    await when.over;
    const outages = patient.engine.outages();
    if (patient.engine.isAway()) return; // for longer than it was to be waited for
    const wasAway = outages !== known || (round === 0 && when.wasAway());
    const undone = await undoneSince(patient, touched, wasAway);
    const ended = await endedEarly(patient, touched);
    entries = [...undone, ...ended.filter((entry) => !undone.includes(entry))];
    known = outages;
    if (entries.length === 0 && patient.engine.outages() === known) return;
  }
};

/** A last look at the end of a run: what was started and has ended again since, or ends all the time, is down, too. */
export const confirmRunning = async (
  context: RunContext,
  plan: Pick<BackupPlan, 'stack'>,
  way: WayBack,
  ledger: Ledger,
): Promise<void> => {
  const restless = plan.stack.containers.filter(({ details }) => isRestless(details)).map(({ id }) => id);
  const patient = patientContext(context, defaultEngineMs);
  const look = async (entry: LedgerEntry): Promise<void> => {
    if (entry.backAt === undefined || entry.down !== undefined) return;
    try {
      const why = await whyDown(patient, entry, restless.includes(entry.container.id));
      if (why !== undefined) entry.down = why;
    } catch (error) {
      await noteDown(patient, way, entry, error);
    }
  };
  await Promise.all([...ledger.values()].map(look));
};
