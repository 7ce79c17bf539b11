import { removeTree } from '../base/disk.ts';
import { formatDuration } from '../base/duration.ts';
import { messageOf } from '../base/errors.ts';
import type { Phase } from '../base/events.ts';
import type { Copied } from '../copy/types.ts';
import { holderLabel } from '../docker/api/holder.ts';
import { neededFor } from '../plan/backup.ts';
import type { BackupPlan } from '../plan/types.ts';
import type { Manifest } from '../snapshot/types.ts';
import { askFiles } from './checks/files.ts';
import { type Asking, answersOf, askBeforeQuiet, whileAsking } from './checks/stage.ts';
import type { RunContext } from './context.ts';
import { appendHistory } from './history.ts';
import type { Release } from './quiet/early.ts';
import { downtimeOf } from './quiet/ledger.ts';
import { whileQuiet } from './quiet/quiesce.ts';
import { confirmRunning } from './quiet/start.ts';
import { wayBackOf } from './quiet/way-back.ts';
import { closingEvents, outcomeOf, type RunEnd, type RunRecord, recordOf } from './record.ts';
import { type Guardian, startGuardian } from './recovery/guardian.ts';
import { stillDown } from './recovery/left.ts';
import { runVariable } from './recovery/orphans.ts';
import {
  type BackupOptions,
  type BackupTools,
  giveName,
  momentOf,
  newRun,
  type OpenedRun,
  openFolders,
  type Run,
} from './run.ts';
import { imagesOf, writeComposeRecord, writeLogs } from './stages/compose-record.ts';
import { copyAll, makeHolder, needsHolder, type Prepared } from './stages/copy-stage.ts';
import { manifestOf } from './stages/describe.ts';
import { holdsIn } from './stages/holds.ts';
import { type HookRun, runHooks } from './stages/hook-stage.ts';
import { assertSpace, preflight } from './stages/preflight.ts';
import { finishFolder } from './stages/publish.ts';
import { needsWarmth, type WarmCopies, warmAll } from './stages/warm-stage.ts';
import { asRunError, assertHome } from './trouble.ts';

export type Enter = (phase: Phase) => Promise<void>;

/** Begins a phase: on disk first, then for everybody who listens. An interrupted run begins no further one. */
export const entering =
  (run: Run, opened: OpenedRun): Enter =>
  async (phase) => {
    run.context.signal.throwIfAborted();
    await assertHome(run, opened);
    await opened.journal.enter(phase);
    run.tools.onPhase(phase);
    run.context.emit({ type: 'phase', phase });
  };

const hookRun = ({ id, folder }: Run): HookRun => ({ id, folder });

/** The window: what keeps services down once all are quiet. Nothing that can wait is done in it. */
const inTheWindow =
  (run: Run, enter: Enter, prepared: Prepared) => async (quiet: RunContext, release: Release) => {
    const consistent = momentOf(run);
    await enter('while-stopped');
    await runHooks(quiet, run.plan, 'while-stopped', hookRun(run), run.hooks);
    await enter('copying');
    const copied = await whileAsking(askingIn(run, quiet), (context) =>
      copyAll(context, run.plan, run.folder, prepared, release),
    );
    await enter('starting');
    return { copied, consistent };
  };

/** What asks the run's checks in one of its stages. */
const askingIn = (run: Run, context: RunContext): Asking => ({
  context,
  plan: run.plan,
  book: run.checks,
  now: () => momentOf(run),
});

export const removeHolder = async ({ context, id }: Run): Promise<void> => {
  try {
    await context.engine.removeHolders(id);
  } catch (error) {
    const message = `the helper container of the run (label ${holderLabel}=${id}) could not be removed (${messageOf(error)}); the next backup or \`stack-backup recover\` tries again`;
    context.warn({ code: 'holder-left', message });
  }
};

/** What can be copied while the services run. */
export const copyWarm = async (run: Run, enter: Enter): Promise<WarmCopies> => {
  if (!needsWarmth(run.plan)) return new Map();
  await enter('warming');
  return warmAll(run.context, run.plan, run.folder);
};

/** A run whose guardian stands by, or is about to. */
interface GuardedRun extends OpenedRun {
  readonly guardian: Promise<Guardian | undefined>;
}

/** Quiesce, copy, bring back. The helper container for copies through the engine lives just as long. */
const copyWhileQuiet = async (run: Run, { journal, guardian }: GuardedRun, enter: Enter) => {
  const { plan, ledger, needs } = run;
  const context: RunContext = {
    ...run.context,
    noteEnded: journal.noteEnded,
    noteBack: journal.noteBack,
    lastLook: (at, id, action) => askBeforeQuiet(askingIn(run, at), id, action),
  };
  const early = { holds: await holdsIn(context, plan, needs), begin: () => journal.enter('starting') };
  try {
    const holder = await makeHolder(context, plan, run.id);
    const warm = await copyWarm(run, enter);
    const cold = plan.copies.filter(({ mount }) => !warm.has(mount.name));
    await assertSpace(plan, neededFor(cold));
    await guardian; // it has had the time of the copying to get up
    await enter('stopping');
    const work = inTheWindow(run, enter, { holder, warm });
    return await whileQuiet(context, plan, ledger, needs, work, early);
  } finally {
    if (needsHolder(plan)) await removeHolder(run);
  }
};

/** The snapshot is no worse for it; but whoever set a budget wants to hear when it is not kept. */
const warnOverBudget = ({ context, plan, ledger }: Run): void => {
  const { downtime, maxDowntime } = plan.instance.limits;
  const longest = Math.max(
    0,
    ...[...ledger.values()].map((entry) => downtimeOf(entry, context.clock.tick())),
  );
  const told = (limit: number, what: string): void => {
    if (limit === 0 || longest <= limit) return;
    const message = `a service was down for ${formatDuration(longest)}; ${what}`;
    context.warn({ code: 'over-budget', message });
  };
  told(downtime, `the budget is ${formatDuration(downtime)} (limits.downtime)`);
  told(
    maxDowntime,
    `bringing back took longer than expected, and ${formatDuration(maxDowntime)} are allowed (limits.max_downtime)`,
  );
};

/** What can wait until the services are back: records, logs, hashing, index, checksums, manifest. */
const finish = async (
  run: Run,
  enter: Enter,
  { copied, consistent }: { readonly copied: readonly Copied[]; readonly consistent: Date },
): Promise<Manifest> => {
  const { context, plan, folder } = run;
  const images = await imagesOf(context, plan);
  await writeComposeRecord(folder, plan, images);
  if (plan.instance.logs) await writeLogs(context, folder, plan);
  await enter('hashing');
  return finishFolder(context, plan, folder, copied, async ({ results, sums }) => {
    await askFiles(askingIn(run, context), folder);
    await enter('publishing');
    await confirmRunning(context, wayBackOf(plan, run.needs), run.ledger);
    warnOverBudget(run);
    return manifestOf({
      ...run.options,
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
      checks: answersOf({ plan, book: run.checks }),
      images,
      sums,
      warnings: run.warnings,
    });
  });
};

/** From the first effect to the finished folder. */
const work = async (run: Run, opened: GuardedRun): Promise<Manifest> => {
  const enter = entering(run, opened);
  await enter('before-stop');
  await runHooks(run.context, run.plan, 'before-stop', hookRun(run), run.hooks);
  const window = await copyWhileQuiet(run, opened, enter);
  await enter('after-start');
  await runHooks(run.context, run.plan, 'after-start', hookRun(run), run.hooks);
  return finish(run, enter, window);
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
 * Nothing half-made stays. A folder that cannot be removed is named, not a reason to hide what went before.
 * Resolves with whether it is gone.
 */
export const removePartial = async (run: Run, { isHome }: OpenedRun): Promise<boolean> => {
  const left = (why: string): false => {
    const message = `the partial folder ${run.folder} could not be removed (${why}); the next backup or \`stack-backup recover\` tries again`;
    run.context.warn({ code: 'partial-left', message });
    return false;
  };
  if (!(await isHome())) return left('its file system is not mounted there any more');
  try {
    await removeTree(run.folder);
    return true;
  } catch (error) {
    return left(messageOf(error));
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
 * A journal that is left tells a recovery what is still to be done, and that the outcome has been told:
 * services that are down, a folder or a helper container that could not be removed.
 */
const settleJournal = async (run: Run, opened: OpenedRun, end: RunEnd, clean: boolean): Promise<void> => {
  const { journal } = opened;
  try {
    await assertHome(run, opened);
    const down = await stillDown(run.context.engine, run.ledger);
    const isDone = clean && down.length === 0;
    await (isDone ? journal.close() : journal.leave(outcomeOf(run, end.error), down));
  } catch (error) {
    const message = `the journal of run ${run.id} could not be brought up to date: ${messageOf(error)}`;
    run.context.warn({ code: 'journal-left', message });
  }
};

/** A run that cannot be remembered is not undone for that, but somebody has to hear of it. */
const remember = async (run: Run, opened: OpenedRun, end: RunEnd): Promise<void> => {
  try {
    await assertHome(run, opened);
    await appendHistory(run.plan.instance.backups, recordOf(run, end));
  } catch (error) {
    const message = `this run is not in the history: ${messageOf(error)}`;
    run.context.warn({ code: 'history-unwritten', message });
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
  const clean = hasNoFolder && !run.warnings.some(({ code }) => code === 'holder-left');
  await runFinally(run, end);
  // The history first: killed in between, a recovery finds the journal, and the run is not forgotten.
  await remember(run, opened, end);
  await settleJournal(run, opened, end, clean);
  await (await guardian)?.dismiss();
  const record = recordOf(run, end);
  for (const event of closingEvents(record)) context.emit(event);
  return record;
};
