import { randomBytes } from 'node:crypto';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { exists, fsyncDirectory, makePrivateDirectory, removeTree } from '../base/disk.ts';
import { asStackBackupError, messageOf, StackBackupError } from '../base/errors.ts';
import type { Emit, Outcome, Phase, Warning } from '../base/events.ts';
import type { Engine, EngineInfo } from '../docker/engine.ts';
import type { BackupPlan } from '../plan/types.ts';
import {
  journalPath,
  journalsPath,
  snapshotName,
  temporariesPath,
  temporaryPath,
} from '../snapshot/layout.ts';
import type { Manifest, SnapshotType } from '../snapshot/types.ts';
import { needsAmong } from '../stack/order.ts';
import type { RunContext } from './context.ts';
import { type JournalFile, journalContainers, openJournal } from './journal.ts';
import { downtimeOf, type Ledger, newLedger, windowOf } from './quiet/ledger.ts';
import { whileQuiet } from './quiet/quiesce.ts';
import { confirmRunning } from './quiet/start.ts';
import type { DownContainer, RunRecord } from './record.ts';
import { imagesOf, writeComposeRecord, writeLogs } from './stages/compose-record.ts';
import { copyAll, type Holder, makeHolder } from './stages/copy-stage.ts';
import { manifestOf } from './stages/describe.ts';
import { type HookBook, runHooks } from './stages/hook-stage.ts';
import { preflight } from './stages/preflight.ts';
import { finishCopies, publish } from './stages/publish.ts';

export interface BackupOptions {
  readonly type: SnapshotType;
  readonly tags: Readonly<Record<string, string>>;
  readonly note: string;
  readonly toolVersion: string;
}

export interface BackupTools {
  readonly engine: Engine;
  readonly info: EngineInfo;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Told what the run is at; others who want the lock hear it. */
  readonly onPhase: (phase: Phase) => void;
}

/** A run under way: its names, its folder, its books. */
interface Run {
  readonly id: string;
  readonly snapshot: string;
  readonly started: Date;
  readonly tick: number;
  readonly folder: string;
  readonly context: RunContext;
  readonly plan: BackupPlan;
  readonly options: BackupOptions;
  readonly tools: BackupTools;
  readonly warnings: Warning[];
  readonly ledger: Ledger;
  readonly hooks: HookBook;
}

/** A name that no snapshot has yet: of this second, else of the next free one. */
const freeName = async (plan: BackupPlan, started: Date): Promise<string> => {
  const { name, backups, timezone } = plan.instance;
  for (let at = started.getTime(); ; at += 1000) {
    const snapshot = snapshotName(name, new Date(at), timezone);
    if (!(await exists(join(backups, snapshot)))) return snapshot;
  }
};

const newRun = async (plan: BackupPlan, options: BackupOptions, tools: BackupTools): Promise<Run> => {
  const { engine, info, clock, emit, signal } = tools;
  const started = clock.now();
  const snapshot = await freeName(plan, started);
  const id = `${snapshot}-${randomBytes(3).toString('hex')}`;
  const warnings: Warning[] = [];
  const warn = (warning: Warning): void => {
    warnings.push(warning);
    emit({ type: 'warning', ...warning });
  };
  return {
    id,
    snapshot,
    started,
    tick: clock.tick(),
    folder: temporaryPath(plan.instance.backups, id),
    context: { engine, local: info.local, clock, emit, signal, warn },
    plan,
    options,
    tools,
    warnings,
    ledger: newLedger(journalContainers(plan)),
    hooks: { dumps: [], results: [] },
  };
};

const startNeeds = (plan: BackupPlan) =>
  needsAmong(
    new Set(plan.stopWaves.flat().map((container) => container.id)),
    plan.stack.containers.map((container) => container.id),
    plan.stack.edges,
  );

const openFolders = async (run: Run): Promise<JournalFile> => {
  const { backups, name } = run.plan.instance;
  for (const path of [backups, journalsPath(backups), temporariesPath(backups)])
    await makePrivateDirectory(path);
  const journal = await openJournal(journalPath(backups, run.id), {
    version: 1,
    id: run.id,
    instance: name,
    project: run.plan.stack.project,
    engine: { id: run.tools.info.id, endpoint: run.context.engine.endpoint },
    started: run.started.toISOString(),
    phase: 'before-stop',
    folder: run.folder,
    containers: [...run.ledger.values()].map((entry) => entry.container),
    needs: startNeeds(run.plan),
  });
  await mkdir(run.folder, { mode: 0o700 });
  return journal;
};

/** The run from its first effect to the finished folder; returns the manifest that was published. */
const work = async (run: Run, journal: JournalFile): Promise<Manifest> => {
  const { context, plan, folder, options, tools, hooks, ledger } = run;
  const hookRun = { id: run.id, folder };
  const enter = async (phase: Phase): Promise<void> => {
    context.signal.throwIfAborted();
    await journal.enter(phase);
    tools.onPhase(phase);
    context.emit({ type: 'phase', phase });
  };
  await enter('before-stop');
  await runHooks(context, plan, 'before-stop', hookRun, hooks);
  let holder: Holder | undefined;
  try {
    holder = await makeHolder(context, plan, run.id);
    await enter('stopping');
    const { copied, consistent } = await whileQuiet(
      context,
      plan,
      ledger,
      startNeeds(plan),
      async (quiet) => {
        const moment = context.clock.now();
        await enter('while-stopped');
        await runHooks(quiet, plan, 'while-stopped', hookRun, hooks);
        await enter('copying');
        const done = await copyAll(quiet, plan, folder, holder);
        await enter('starting');
        return { copied: done, consistent: moment };
      },
    );
    await enter('after-start');
    await runHooks(context, plan, 'after-start', hookRun, hooks);
    const images = await imagesOf(context, plan);
    await writeComposeRecord(folder, plan, images);
    if (plan.instance.logs) await writeLogs(context, folder, plan);
    await enter('hashing');
    const finished = await finishCopies(context, folder, copied);
    await confirmRunning(context, plan, ledger);
    await enter('publishing');
    return await publish(context, folder, finished, (sums) =>
      manifestOf({
        run: run.id,
        snapshot: run.snapshot,
        ...options,
        engine: tools.info,
        started: run.started,
        consistent,
        finished: context.clock.now(),
        tick: context.clock.tick(),
        plan,
        ledger,
        copies: finished.results,
        hooks,
        images,
        sums,
        warnings: run.warnings,
      }),
    );
  } finally {
    if (holder !== undefined) await removeHolder(context, holder);
  }
};

const removeHolder = async (context: RunContext, holder: Holder): Promise<void> => {
  try {
    await context.engine.removeHolder(holder.id);
  } catch (error) {
    const message = `the helper container ${holder.id.slice(0, 12)} is still there: \`docker rm ${holder.id.slice(0, 12)}\` (${messageOf(error)})`;
    context.warn({ code: 'holder-left', message });
  }
};

const downOf = (ledger: Ledger): readonly DownContainer[] =>
  [...ledger.values()].flatMap(({ container, down }) =>
    down === undefined ? [] : [{ service: container.service, container: container.name, reason: down }],
  );

const outcomeOf = (
  run: Run,
  down: readonly DownContainer[],
  error: StackBackupError | undefined,
): Outcome => {
  if (down.length > 0) return 'services-down';
  if (error !== undefined) return error.code === 'interrupted' ? 'interrupted' : 'failed';
  return run.warnings.some((warning) => warning.notice !== true) ? 'complete-with-warnings' : 'complete';
};

const recordOf = (
  run: Run,
  end: {
    readonly manifest: Manifest | undefined;
    readonly path: string | undefined;
    readonly error: StackBackupError | undefined;
  },
): RunRecord => {
  const { plan, context, ledger, options } = run;
  const now = context.clock.tick();
  const down = downOf(ledger);
  const { error, manifest, path } = end;
  return {
    version: 1,
    run: run.id,
    instance: plan.instance.name,
    project: plan.stack.project,
    snapshot: run.snapshot,
    type: options.type,
    tags: options.tags,
    started: run.started.toISOString(),
    finished: context.clock.now().toISOString(),
    outcome: outcomeOf(run, down, error),
    ...(error === undefined
      ? {}
      : {
          error: {
            code: error.code,
            message: error.message,
            ...(error.next === undefined ? {} : { next: error.next }),
          },
        }),
    ...(path === undefined ? {} : { path }),
    bytes: manifest?.totals.bytes ?? 0,
    files: manifest?.totals.files ?? 0,
    downtimeMs: Math.max(0, ...[...ledger.values()].map((entry) => downtimeOf(entry, now))),
    windowMs: windowOf(ledger),
    totalMs: Math.round(now - run.tick),
    down,
    warnings: run.warnings,
  };
};

/** Gives the finished folder its name: from here on it is a snapshot. */
const giveName = async (run: Run): Promise<string> => {
  const { backups } = run.plan.instance;
  const path = join(backups, run.snapshot);
  await rename(run.folder, path);
  await fsyncDirectory(backups);
  return path;
};

/** `finally` hooks are told the outcome. Nothing they do changes it, but a failure of theirs is not kept quiet. */
const runFinally = async (
  run: Run,
  error: StackBackupError | undefined,
  path: string | undefined,
): Promise<void> => {
  const about = {
    id: run.id,
    folder: path ?? run.folder,
    outcome: outcomeOf(run, downOf(run.ledger), error),
    ...(path === undefined ? {} : { snapshot: path }),
  };
  // An interrupted run still tells its outcome: these hooks have their own time limits, not the run's signal.
  const context = { ...run.context, signal: new AbortController().signal };
  try {
    await runHooks(context, run.plan, 'finally', about, run.hooks);
  } catch (thrown) {
    run.context.warn({ code: 'hook-failed', message: messageOf(thrown) });
  }
};

/**
 * Carries out a backup plan. Resolves with what became of it, good or bad; the services that ran are
 * running again, or stand in `down`. Rejects only when nothing had been touched yet: a check failed.
 */
export const executeBackup = async (
  plan: BackupPlan,
  options: BackupOptions,
  tools: BackupTools,
): Promise<RunRecord> => {
  const run = await newRun(plan, options, tools);
  const { context } = run;
  context.emit({ type: 'run-started', id: run.id, snapshot: run.snapshot, project: plan.stack.project });
  for (const warning of plan.warnings) context.warn(warning);
  context.emit({ type: 'phase', phase: 'checking' });
  await preflight(context, plan);
  context.signal.throwIfAborted();
  const journal = await openFolders(run);
  let manifest: Manifest | undefined;
  let path: string | undefined;
  let error: StackBackupError | undefined;
  try {
    manifest = await work(run, journal);
    context.signal.throwIfAborted();
    path = await giveName(run);
  } catch (thrown) {
    error = asRunError(thrown, context.signal);
  }
  if (path === undefined) await removeTree(run.folder);
  await runFinally(run, error, path);
  // A journal that is left tells `recover` what is still to be put back.
  if (downOf(run.ledger).length === 0) await journal.close();
  const record = recordOf(run, { manifest, path, error });
  if (error !== undefined)
    context.emit({
      type: 'error',
      code: error.code,
      message: error.message,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
  context.emit(finishedEvent(record));
  return record;
};

/** An abort that comes as a bare DOMException is an interruption like any other. */
const asRunError = (thrown: unknown, signal: AbortSignal): StackBackupError =>
  !(thrown instanceof StackBackupError) && signal.aborted
    ? new StackBackupError('interrupted', 'the run was interrupted', { cause: thrown })
    : asStackBackupError(thrown);

const finishedEvent = (record: RunRecord): Parameters<Emit>[0] => ({
  type: 'run-finished',
  outcome: record.outcome,
  ...(record.path === undefined ? {} : { path: record.path }),
  bytes: record.bytes,
  files: record.files,
  downtimeMs: record.downtimeMs,
  windowMs: record.windowMs,
  totalMs: record.totalMs,
  warnings: record.warnings.filter((warning) => warning.notice !== true).length,
});
