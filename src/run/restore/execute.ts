import type { StackBackupError } from '../../base/errors.ts';
import type { RestorePlan } from '../../plan/restore/types.ts';
import { remember, removeHolder, removePartial, settleJournal } from '../course/leave.ts';
import { openFolders } from '../course/open.ts';
import { copyWarm, entering } from '../course/phase.ts';
import type { JournalRestore } from '../journal.ts';
import { confirmRunning } from '../quiet/start.ts';
import { wayBackOf } from '../quiet/way-back.ts';
import { closingEvents, type RunRecord, recordOf } from '../record.ts';
import { startGuardian } from '../recovery/guardian.ts';
import { runVariable } from '../recovery/orphans.ts';
import { type BackupTools, newRun, type Run } from '../run.ts';
import { makeHolder, needsHolder } from '../stages/copy-stage.ts';
import { assertSpace, assertWritable } from '../stages/preflight.ts';
import { asRunError } from '../trouble.ts';
import { assertEmptiable } from './data/in-place.ts';
import { removeMark } from './data/mark.ts';
import { journalled } from './data/volumes.ts';
import { goneForward, settleLoaded, tellUndo, withData } from './ending.ts';
import { keepPresent } from './keep.ts';
import { type Loading, planLoads } from './loads.ts';
import { restoreOutcome, restoreRecord } from './record.ts';
import { assertRoom } from './room.ts';
import { type Restoring, restoreWindow } from './window.ts';

/** From the first effect to the last service that is back. */
const work = async (restoring: Restoring): Promise<void> => {
  const { run, opened, plan, enter } = restoring;
  const { noteEnded, noteBack, noteReturn } = opened.journal;
  const context = { ...run.context, noteEnded, noteBack, noteReturn };
  try {
    await assertEmptiable(context.engine, run.id, restoring.state.restore.mounts);
    const holder = await makeHolder(context, plan.window, run.id);
    const warm = await copyWarm(run, enter);
    if (plan.window.copies.length > 0) await assertSpace(plan.window);
    await enter('stopping');
    await restoreWindow(context, restoring, keepPresent(restoring, { holder, warm }));
  } finally {
    if (needsHolder(plan.window)) await removeHolder(run);
  }
};

const endOf = async (restoring: Restoring): Promise<StackBackupError | undefined> => {
  const { run, opened, state } = restoring;
  try {
    await work(restoring);
    await confirmRunning(run.context, run.plan, wayBackOf(run.plan, run.needs), run.ledger);
    await settleLoaded(restoring);
    return undefined;
  } catch (thrown) {
    const error = await asRunError(run, opened, thrown);
    return state.data === 'restored' ? goneForward(restoring, error) : withData(restoring, error);
  } finally {
    tellUndo(restoring);
  }
};

/** The safety snapshot, or what there is of it. */
const beginJournal = (
  { folder, putBacks, loads, guarded, devices }: RestorePlan,
  loadings: readonly Loading[],
): JournalRestore => ({
  from: folder,
  mounts: [
    ...putBacks.map(journalled),
    ...guarded.map(({ name, kind, source, method }) => ({
      ...{ mount: name, kind, name, source, method },
      ...(method === 'api' ? { inPlace: true as const } : {}),
    })),
  ],
  devices,
  ...(loads.length === 0
    ? {}
    : {
        loads: loads.map(({ path }) => path),
        loading: loadings.map(({ preview: { plan } }) => ({ ...plan, tables: undefined })),
      }),
});

/** Names of what is loaded: another one for each run, and fit for a database. */
const tokenOf = ({ id }: Run): string => id.slice(-22).replaceAll('-', '_');

export interface RestoreOptions {
  readonly toolVersion: string;
  /** How long the safety snapshot is not to be removed, ms. */
  readonly pinnedMs: number;
  /** When the whole snapshot began to be verified, ns since 1970; undefined when it was not. */
  readonly wholeSince?: bigint | undefined;
}

/**
 * Carries out a restore plan under its journal. Resolves with what became of it, good or bad: the data is
 * restored, or as it was, or (at the worst) half restored with everything down that uses it; the history has
 * it. Rejects only when nothing had been touched yet.
 */
export const executeRestore = async (
  plan: RestorePlan,
  options: RestoreOptions,
  tools: BackupTools,
): Promise<RunRecord> => {
  const { manifest, window, instance } = plan;
  const note = `before the restore of ${manifest.snapshot}`;
  const { toolVersion, pinnedMs } = options;
  const run = await newRun(window, { type: 'pre-restore', tags: {}, note, toolVersion, pinnedMs }, tools);
  const { context } = run;
  context.emit({
    type: 'run-started',
    id: run.id,
    snapshot: run.snapshot,
    project: window.stack.project,
    restores: manifest.snapshot,
  });
  for (const warning of plan.warnings) context.warn(warning);
  context.emit({ type: 'phase', phase: 'checking' });
  await assertWritable(instance.backups);
  await assertRoom(plan);
  context.signal.throwIfAborted();
  const loadings = plan.loads.length === 0 ? [] : await planLoads(context, plan, tokenOf(run));
  const restore = beginJournal(plan, loadings);
  const opened = await openFolders(run, { kind: 'restore', restore });
  process.env[runVariable] = run.id; // children inherit it: a recovery finds those that outlive the run
  const guardian = await startGuardian(instance.backups, run.id);
  if (guardian !== undefined) opened.journal.follow(guardian.tell);
  const restoring: Restoring = {
    run,
    opened,
    plan,
    wholeSince: options.wholeSince,
    loadings,
    enter: entering(run, opened),
    state: { data: 'untouched', restore, problems: [] },
  };
  const { state } = restoring;
  const error = await endOf(restoring);
  const hasNoFolder = state.path !== undefined || (await removePartial(run, opened));
  const told = (): RunRecord => {
    const ended = recordOf(run, { manifest: state.manifest, path: state.path, error });
    return {
      ...ended,
      kind: 'restore',
      restore: restoreRecord(state.restore, state.data),
      outcome: restoreOutcome(ended.outcome, state.data),
    };
  };
  await remember(run, opened, told());
  const isHalfRestored = state.data === 'half-restored';
  await settleJournal(run, opened, { outcome: told().outcome, hasNoFolder, isHalfRestored });
  const isSettled = !run.warnings.some(({ code }) => code === 'journal-left');
  if (state.isMarked && isSettled) await removeMark(context.engine, run.id).catch(() => undefined);
  await guardian?.dismiss();
  const record = told();
  for (const event of closingEvents(record)) context.emit(event);
  return record;
};
