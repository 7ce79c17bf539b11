import { StackBackupError } from '../../base/errors.ts';
import type { DataState } from '../../base/events.ts';
import { heeding } from '../../base/wait/heed.ts';
import type { RestorePlan, VolumeSpec } from '../../plan/restore/types.ts';
import type { Manifest } from '../../snapshot/types.ts';
import type { RunContext } from '../context.ts';
import type { OpenedRun } from '../course/open.ts';
import type { Enter } from '../course/phase.ts';
import type { JournalRestore } from '../journal.ts';
import { patientContext } from '../quiet/back/patience.ts';
import type { LedgerEntry } from '../quiet/ledger.ts';
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
import { enterStart, leaveDown, noteUntouched, notYetBack } from './return.ts';

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
    /** The journal may say that data is half restored. */
    isAnnounced?: true;
    /** What the journal could not be told stands on the engine. */
    isMarked?: true;
  };
}

/** Begins a phase in which data is neither the old nor the new. */
const announce = async ({ enter, state }: Restoring, phase: 'restoring' | 'loading'): Promise<void> => {
  state.isAnnounced = true; // also when it could not be written: on the disk it may stand all the same
  await enter(phase);
  state.data = 'half-restored';
};

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

/** The volumes that are made, with the passwords that a journal leaves out. */
const specsOf = ({ putBacks }: RestorePlan): ReadonlyMap<string, VolumeSpec> =>
  new Map(putBacks.flatMap(({ name, create }) => (create === undefined ? [] : [[name, create]])));

/** From here on data is neither the old nor the new, and the journal says so before. */
const putDataBack = async (context: RunContext, restoring: Restoring): Promise<void> => {
  const { run, opened, plan, wholeSince, state } = restoring;
  if (plan.putBacks.length === 0) return;
  await announce(restoring, 'restoring');
  const specs = specsOf(plan);
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
const loadDumps = async (whole: RunContext, restoring: Restoring): Promise<void> => {
  const { run, plan, loadings } = restoring;
  if (loadings.length === 0) return;
  await announce(restoring, 'loading');
  // They are not back for good: killed here, a recovery has to bring them back as well.
  const { noteBack: _, ...context } = whole;
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

/** What went wrong leaves the data half-way: it is settled before anything is started. */
const settle = async (context: RunContext, { run, opened, plan, state }: Restoring): Promise<void> => {
  const containers = [...run.ledger.values()].map(({ container }) => container);
  await opened.journal.enter('rolling-back').catch(() => undefined); // the phase before says the same
  run.tools.onPhase('rolling-back');
  run.context.emit({ type: 'phase', phase: 'rolling-back' });
  const { backups } = run.plan.instance;
  const half = { run: run.id, backups, restore: state.restore, containers, specs: specsOf(plan) };
  const settled = await settleData(context, half);
  state.data = settled.data;
  state.problems = settled.problems;
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
      await (state.data === 'untouched' ? noteUntouched : enterStart)(patient, restoring);
      await bringBack(patient, wayBackOf(window, needs), notYetBack(restoring));
    }
  }
};
