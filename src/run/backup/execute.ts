import { messageOf } from '../../base/errors.ts';
import { HashedAhead } from '../../copy/warm/ahead.ts';
import type { BackupPlan } from '../../plan/types.ts';
import type { Manifest } from '../../snapshot/types.ts';
import { giveName } from '../course/finish.ts';
import { remember, removePartial, settleJournal } from '../course/leave.ts';
import { openFolders } from '../course/open.ts';
import { entering } from '../course/phase.ts';
import { closingEvents, outcomeOf, type RunEnd, type RunRecord, recordOf } from '../record.ts';
import { startGuardian } from '../recovery/guardian.ts';
import { runVariable } from '../recovery/orphans.ts';
import { type BackupOptions, type BackupTools, newRun, type Run } from '../run.ts';
import { runHooks } from '../stages/hook-stage.ts';
import { preflight } from '../stages/preflight.ts';
import { asRunError } from '../trouble.ts';
import { finishBackup } from './finish.ts';
import { copyWhileQuiet, type GuardedRun, hookRun } from './window.ts';

/** From the first effect to the finished folder. */
const work = async (run: Run, opened: GuardedRun): Promise<Manifest> => {
  const enter = entering(run, opened);
  await enter('before-stop');
  await runHooks(run.context, run.plan, 'before-stop', hookRun(run), run.hooks);
  await using ahead = new HashedAhead(run.folder, run.context);
  const kept = await copyWhileQuiet(run, opened, enter, ahead);
  await enter('after-start');
  await runHooks(run.context, run.plan, 'after-start', hookRun(run), run.hooks);
  return await finishBackup(run, enter, kept);
};

const endOf = async (run: Run, opened: GuardedRun): Promise<RunEnd> => {
  let manifest: Manifest | undefined;
  try {
    manifest = await work(run, opened);
    run.context.signal.throwIfAborted();
    return { manifest, path: await giveName(run), error: undefined };
  } catch (thrown) {
    return { manifest, path: undefined, error: await asRunError(run, opened, thrown) };
  }
};

/**
 * `finally` hooks are told the outcome. Nothing they do changes it, but a failure of theirs is not kept
 * quiet. They have their own time limits and not the run's signal: an interrupted run tells its outcome, too.
 */
const runFinally = async (run: Run, { error, path }: RunEnd): Promise<void> => {
  const about = {
    id: run.id,
    folder: path ?? run.folder,
    outcome: outcomeOf(run, error),
    ...(path === undefined ? {} : { snapshot: path }),
  };
  const context = { ...run.context, signal: new AbortController().signal };
  try {
    await runHooks(context, run.plan, 'finally', about, run.hooks);
  } catch (thrown) {
    run.context.warn({ code: 'hook-failed', message: messageOf(thrown) });
  }
};

/**
 * Carries out a backup plan. Resolves with what became of it, good or bad; the services that ran are
 * running again, or stand in `down`; the history has it. Rejects only when nothing had been touched yet: a check failed.
 */
export const executeBackup = async (
  plan: BackupPlan,
  options: BackupOptions,
  tools: BackupTools,
): Promise<RunRecord> => {
  const run = await newRun(plan, options, tools);
  const { context } = run;
  context.emit({ type: 'run-started', id: run.id, snapshot: run.snapshot, project: plan.stack.project });
  for (const warning of [...plan.warnings, ...(run.behind ? [run.behind] : [])]) context.warn(warning);
  context.emit({ type: 'phase', phase: 'checking' });
  await preflight(context, plan);
  context.signal.throwIfAborted();
  const opened = await openFolders(run);
  process.env[runVariable] = run.id; // children inherit it: a recovery finds those that outlive the run
  const isNeeded = plan.stopWaves.length > 0;
  const guardian = isNeeded ? startGuardian(plan.instance.backups, run.id) : Promise.resolve(undefined);
  void guardian.then((one) => one && opened.journal.follow(one.tell));
  const end = await endOf(run, { ...opened, guardian });
  const hasNoFolder = end.path !== undefined || (await removePartial(run, opened));
  await runFinally(run, end);
  // The history first: killed in between, a recovery finds the journal, and the run is not forgotten.
  await remember(run, opened, recordOf(run, end));
  await settleJournal(run, opened, { outcome: outcomeOf(run, end.error), hasNoFolder });
  await (await guardian)?.dismiss();
  const record = recordOf(run, end);
  for (const event of closingEvents(record)) context.emit(event);
  return record;
};
