import { StackBackupError } from '../../base/errors.ts';
import type { RestorePlan } from '../../plan/restore/types.ts';
import type { RunContext } from '../context.ts';
import { copyWarm, entering, removeHolder, removePartial } from '../execute.ts';
import { appendHistory } from '../history.ts';
import type { JournalRestore } from '../journal.ts';
import type { Release } from '../quiet/early.ts';
import { confirmRunning } from '../quiet/start.ts';
import { wayBackOf } from '../quiet/way-back.ts';
import { closingEvents, type RunRecord, recordOf } from '../record.ts';
import { startGuardian } from '../recovery/guardian.ts';
import { stillDown } from '../recovery/left.ts';
import { runVariable } from '../recovery/orphans.ts';
import { type BackupTools, giveName, momentOf, newRun, openFolders, type Run } from '../run.ts';
import { imagesOf, writeComposeRecord } from '../stages/compose-record.ts';
import { copyAll, makeHolder, needsHolder, type Prepared } from '../stages/copy-stage.ts';
import { manifestOf } from '../stages/describe.ts';
import { assertSpace, assertWritable } from '../stages/preflight.ts';
import { finishFolder } from '../stages/publish.ts';
import { asRunError, assertHome } from '../trouble.ts';
import { restoreOutcome, restoreRecord } from './record.ts';
import { assertRoom } from './room.ts';
import { journalled } from './volumes.ts';
import { type Restoring, restoreWindow } from './window.ts';

export interface RestoreOptions {
  readonly toolVersion: string;
  /** How long the safety snapshot is not to be removed, ms. */
  readonly pinnedMs: number;
}

/** Nobody comes back while the present state is kept: the data is overwritten next. */
const nobodyWaits: Release = { copying: () => undefined, copied: () => undefined, waiting: () => 0 };

/** Copies what is about to be overwritten, and makes a complete snapshot of it before anything is. */
const keepPresent =
  ({ run, enter, state }: Restoring, prepared: Prepared, options: RestoreOptions) =>
  async (context: RunContext): Promise<void> => {
    const { plan, folder } = run;
    const consistent = momentOf(run);
    await enter('copying');
    const copied = await copyAll(context, plan, folder, prepared, nobodyWaits);
    await enter('securing');
    const images = await imagesOf(context, plan);
    await writeComposeRecord(folder, plan, images);
    state.manifest = await finishFolder(context, plan, folder, copied, async ({ results, sums }) =>
      manifestOf({
        ...run.options,
        pinnedUntil: new Date(run.started.getTime() + options.pinnedMs).toISOString(),
        run: run.id,
        snapshot: run.snapshot,
        engine: run.tools.info,
        started: run.started,
        consistent,
        finished: momentOf(run),
        tick: context.clock.tick(),
        plan,
        ledger: run.ledger,
        needs: run.needs,
        copies: results,
        hooks: run.hooks,
        checks: [],
        images,
        sums,
        warnings: [],
      }),
    );
    state.path = await giveName(run);
    state.restore = { ...state.restore, safety: run.snapshot };
  };

/** From the first effect to the last service that is back. */
const work = async (restoring: Restoring, options: RestoreOptions): Promise<void> => {
  const { run, opened, plan, enter } = restoring;
  const context = { ...run.context, noteEnded: opened.journal.noteEnded, noteBack: opened.journal.noteBack };
  try {
    const holder = await makeHolder(context, plan.window, run.id);
    const warm = await copyWarm(run, enter);
    if (plan.window.copies.length > 0) await assertSpace(plan.window);
    await enter('stopping');
    await restoreWindow(context, restoring, keepPresent(restoring, { holder, warm }, options));
  } finally {
    if (needsHolder(plan.window)) await removeHolder(run);
  }
};

const undoCommand = ({ plan }: Restoring): string => `stack-backup restore --undo ${plan.instance.name}`;

/** Whoever finds that a service does not come up on the restored data wants to know the way back. */
const tellUndo = (restoring: Restoring): void => {
  const { run, state } = restoring;
  const isUnwell =
    run.warnings.some(({ code }) => code === 'not-healthy') ||
    [...run.ledger.values()].some(({ down }) => down !== undefined);
  if (!isUnwell || state.data !== 'restored' || state.restore.safety === undefined) return;
  const message = `the data stays restored; \`${undoCommand(restoring)}\` puts back what was there before`;
  run.context.warn({ code: 'restored-unwell', message });
};

/** A failure that the restore survived: it went on to its end, because there was no way back. */
const goneForward = ({ run, state }: Restoring, error: StackBackupError): undefined => {
  const problems = state.problems.length === 0 ? '' : ` (${state.problems.join('; ')})`;
  const message = `${error.message}; there was no way back${problems}, so it was gone on with: the snapshot is restored in whole`;
  run.context.warn({ code: 'gone-forward', message });
  return undefined;
};

/** In the words of what became of the data. */
const withData = ({ state }: Restoring, error: StackBackupError): StackBackupError => {
  const { code, message, cause, details, next } = error;
  if (state.data === 'untouched') return error;
  const words =
    state.data === 'rolled-back'
      ? 'the data is as it was before the restore'
      : `the data is half restored: ${state.problems.join('; ')}`;
  return new StackBackupError(code, `${message}; ${words}`, {
    cause,
    details,
    ...(next === undefined ? {} : { next }),
  });
};

const endOf = async (
  restoring: Restoring,
  options: RestoreOptions,
): Promise<StackBackupError | undefined> => {
  const { run, opened, state } = restoring;
  try {
    await work(restoring, options);
    await confirmRunning(run.context, wayBackOf(run.plan, run.needs), run.ledger);
    return undefined;
  } catch (thrown) {
    const error = await asRunError(run, opened, thrown);
    return state.data === 'restored' ? goneForward(restoring, error) : withData(restoring, error);
  } finally {
    tellUndo(restoring);
  }
};

/** A journal that is left tells a recovery what is still to be done. */
const settleJournal = async (restoring: Restoring, record: RunRecord, clean: boolean): Promise<void> => {
  const { run, opened, state } = restoring;
  await assertHome(run, opened);
  const down = await stillDown(run.context.engine, run.ledger);
  const isHalf = state.data === 'half-restored';
  if (clean && down.length === 0 && !isHalf) return opened.journal.close();
  await opened.journal.leave(record.outcome, down, isHalf ? 'restoring' : 'starting');
};

const quietly = async (run: Run, code: string, what: string, step: () => Promise<void>): Promise<void> => {
  try {
    await step();
  } catch (error) {
    run.context.warn({ code, message: `${what}: ${(error as Error).message}` });
  }
};

/** The safety snapshot, or what there is of it. */
const beginJournal = (plan: RestorePlan): JournalRestore => ({
  from: plan.folder,
  mounts: plan.putBacks.map(journalled),
  devices: plan.devices,
});

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
  const run = await newRun(
    window,
    { type: 'pre-restore', tags: {}, note, toolVersion: options.toolVersion },
    tools,
  );
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
  const restore = beginJournal(plan);
  const opened = await openFolders(run, { kind: 'restore', restore });
  process.env[runVariable] = run.id; // children inherit it: a recovery finds those that outlive the run
  const guardian = await startGuardian(instance.backups, run.id);
  const restoring: Restoring = {
    run,
    opened,
    plan,
    enter: entering(run, opened),
    state: { data: 'untouched', restore, problems: [] },
  };
  const { state } = restoring;
  const error = await endOf(restoring, options);
  const clean = state.path !== undefined || (await removePartial(run, opened));
  const told = (): RunRecord => {
    const ended = recordOf(run, { manifest: state.manifest, path: state.path, error });
    return {
      ...ended,
      kind: 'restore',
      restore: restoreRecord(state.restore, state.data),
      outcome: restoreOutcome(ended.outcome, state.data),
    };
  };
  await quietly(run, 'history-unwritten', 'this run is not in the history', async () => {
    await assertHome(run, opened);
    await appendHistory(instance.backups, told());
  });
  const isClean = clean && !run.warnings.some(({ code }) => code === 'holder-left');
  const journal = `the journal of run ${run.id} could not be brought up to date`;
  await quietly(run, 'journal-left', journal, () => settleJournal(restoring, told(), isClean));
  await guardian?.dismiss();
  const record = told();
  for (const event of closingEvents(record)) context.emit(event);
  return record;
};
