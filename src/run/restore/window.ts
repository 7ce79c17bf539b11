import { StackBackupError } from '../../base/errors.ts';
import type { DataState } from '../../base/events.ts';
import { heeding } from '../../base/wait/heed.ts';
import type { RestorePlan } from '../../plan/restore/types.ts';
import type { Manifest } from '../../snapshot/types.ts';
import type { RunContext } from '../context.ts';
import type { OpenedRun } from '../course/open.ts';
import type { Enter } from '../course/phase.ts';
import type { JournalRestore } from '../journal.ts';
import { noteFirst } from '../quiet/back/begin.ts';
import { patientContext } from '../quiet/back/patience.ts';
import type { Ledger, LedgerEntry } from '../quiet/ledger.ts';
import { bringBack } from '../quiet/start.ts';
import { quietDown } from '../quiet/stop.ts';
import { assertUnchanged } from '../quiet/unchanged.ts';
import { wayBackOf } from '../quiet/way-back.ts';
import { holdPolicy } from '../quiet/window/hold.ts';
import { watchStarts } from '../quiet/window/watch.ts';
import type { Run } from '../run.ts';
import { needsHolder } from '../stages/copy-stage.ts';
import { putAll } from './data/puts.ts';
import { settleData } from './data/settle-data.ts';
import { madeReady } from './data/volumes.ts';
import { type Loading, loadAll } from './loads.ts';

/** A restore under way. What changes as it goes on stands in `state`. */
export interface Restoring {
  readonly run: Run;
  readonly opened: OpenedRun;
  readonly plan: RestorePlan;
  readonly wholeSince: bigint | undefined;
  readonly enter: Enter;
  /** Of `--from-dump`. */
  readonly loadings: readonly Loading[];
  readonly state: {
    data: DataState;
    /** As it stands in the journal. */
    restore: JournalRestore;
    /** The safety snapshot, once it is complete: what stands in it, and where it lies. */
    manifest?: Manifest;
    path?: string;
    /** Why data could not be brought to one of its two ends. */
    problems: readonly string[];
  };
}

/** Containers that had crashed count as stopped by this run: it starts them. */
const adoptCrashed = async (
  context: RunContext,
  entries: readonly LedgerEntry[],
  { window }: RestorePlan,
): Promise<void> => {
  const details = new Map(window.stack.containers.map((one) => [one.id, one.details]));
  for (const entry of entries) {
    entry.askedAt = context.clock.tick();
    entry.quietAt = entry.askedAt;
    const startedAt = details.get(entry.container.id)?.startedAt;
    if (startedAt !== undefined) entry.startedAt = startedAt;
    await holdPolicy(context, entry);
  }
};

/** From here on data is neither the old nor the new, and the journal says so before. */
const putDataBack = async (context: RunContext, restoring: Restoring): Promise<void> => {
  const { run, opened, plan, wholeSince, enter, state } = restoring;
  if (plan.putBacks.length === 0) return;
  await enter('restoring');
  state.data = 'half-restored';
  const specs = new Map(plan.putBacks.map(({ name, create }) => [name, create]));
  const mounts: JournalRestore['mounts'][number][] = [];
  for (const put of state.restore.mounts) mounts.push(await madeReady(context, put, specs.get(put.name)));
  state.restore = { ...state.restore, mounts };
  await opened.journal.enter('restoring', { restore: state.restore });
  const puts = plan.putBacks.map(({ mount }, at) => ({
    mount,
    to: mounts[at] as JournalRestore['mounts'][number],
  }));
  const { path, manifest } = state;
  await putAll(context, {
    ...{ run: run.id, folder: plan.folder, wholeSince, puts, devices: plan.devices },
    ...(path === undefined || manifest === undefined
      ? {}
      : { known: { folder: path, mounts: manifest.mounts } }),
  });
};

/** The databases run, and nobody who uses them, while the dumps are loaded. */
const loadDumps = async (context: RunContext, restoring: Restoring): Promise<void> => {
  const { run, opened, plan, enter, state, loadings } = restoring;
  if (loadings.length === 0) return;
  await enter('loading');
  state.data = 'half-restored';
  await opened.journal.enter('loading', { restore: state.restore });
  const serving = new Map([...run.ledger].filter(([id]) => plan.serving.includes(id)));
  await bringBack(context, wayBackOf(run.plan, run.needs), serving);
  for (const { container, down } of serving.values())
    if (down !== undefined)
      throw new StackBackupError(
        'restore-failed',
        `${container.name} could not be started to load a dump: ${down}`,
      );
  await loadAll(context, plan, loadings);
};

/** Whoever runs already, to have dumps loaded, is not started again. */
const notYetBack = ({ run, state }: Restoring): Ledger =>
  state.data === 'restored'
    ? new Map([...run.ledger].filter(([, { backAt, down }]) => backAt === undefined || down !== undefined))
    : run.ledger;

/** Data is whole, the old or the new: what ran may run again. */
const enterStart = async ({ opened, run, state }: Restoring): Promise<void> => {
  state.restore = { ...state.restore, data: state.data };
  // Services come first: a journal that cannot be written any more does not keep them down.
  await opened.journal.enter('starting', { restore: state.restore }).catch(() => undefined);
  run.tools.onPhase('starting');
  run.context.emit({ type: 'phase', phase: 'starting' });
};

/** What went wrong leaves the data half-way: it is settled before anything is started. */
const settle = async (context: RunContext, { run, opened, state }: Restoring): Promise<void> => {
  const containers = [...run.ledger.values()].map(({ container }) => container);
  await opened.journal.enter('rolling-back').catch(() => undefined); // the phase before says the same
  run.tools.onPhase('rolling-back');
  run.context.emit({ type: 'phase', phase: 'rolling-back' });
  const { backups } = run.plan.instance;
  const settled = await settleData(context, { run: run.id, backups, restore: state.restore, containers });
  state.data = settled.data;
  state.problems = settled.problems;
};

/** Nothing is started on data that is half restored; what was only frozen never had to do with it. */
const leaveDown = async (context: RunContext, { run, state, plan }: Restoring): Promise<void> => {
  const stopped = [...run.ledger.values()].filter(
    ({ container, askedAt }) => container.action === 'stop' && askedAt !== undefined,
  );
  const frozen = new Map([...run.ledger].filter(([, { container }]) => container.action === 'pause'));
  await bringBack(context, wayBackOf(run.plan, run.needs), frozen);
  const names = [...plan.putBacks, ...plan.guarded].map(({ name }) => name).join(', ');
  for (const entry of stopped)
    entry.down = `it was not started, because ${names} is half restored (${state.problems.join('; ')})`;
};

/**
 * Stops what uses the data, has `keep` make the safety snapshot, puts the data back and starts what ran,
 * whatever happens: but nothing on data that is half restored. That is first set back to what it was, else
 * brought on to what the snapshot has, else everything that uses it stays down. Rejects with what went wrong.
 */
export const restoreWindow = async (
  context: RunContext,
  restoring: Restoring,
  keep: (context: RunContext) => Promise<void>,
): Promise<void> => {
  const { run, plan, state } = restoring;
  const { ledger, needs } = run;
  const { window } = plan;
  const patient = patientContext(context, plan.instance.limits.engine);
  const watching = new AbortController();
  const never = new AbortController().signal;
  const isOurs = (id: string): boolean => ledger.get(id)?.startAskedAt !== undefined;
  try {
    const crashed = [...ledger.values()].filter(({ container }) => plan.revived.includes(container.id));
    const running = new Map([...ledger].filter(([id]) => !plan.revived.includes(id)));
    await quietDown(context, window, running, needs, never);
    await adoptCrashed(context, crashed, plan);
    const watch = await heeding(context.signal, () =>
      watchStarts(context, patient.engine, window.stack.project, watching.signal, isOurs),
    );
    if (window.copies.length > 0) await keep(context);
    if (needsHolder(window)) await context.engine.removeHolders(run.id);
    await heeding(context.signal, () => assertUnchanged(patient, window, ledger, watch));
    await putDataBack(context, restoring);
    await loadDumps(patient, restoring);
    await assertUnchanged(patient, window, ledger, watch);
    state.data = 'restored';
  } catch (error) {
    if (state.data === 'half-restored') await settle(patient, restoring);
    throw error;
  } finally {
    watching.abort();
    if (state.data === 'half-restored') await leaveDown(patient, restoring);
    else {
      if (state.data === 'untouched') await noteFirst(ledger, context.noteReturn);
      else await enterStart(restoring);
      await bringBack(patient, wayBackOf(window, needs), notYetBack(restoring));
    }
  }
};
