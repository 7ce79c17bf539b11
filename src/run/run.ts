import { randomBytes } from 'node:crypto';
import { rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { diskTrouble } from '../base/disk/trouble.ts';
import { fsyncDirectory, makeFolderIn, makePrivateDirectory, rememberFolder } from '../base/disk.ts';
import { messageOf, StackBackupError } from '../base/errors.ts';
import type { Emit, Phase, Warning } from '../base/events.ts';
import type { Engine, EngineInfo } from '../docker/engine.ts';
import type { BackupPlan } from '../plan/types.ts';
import { journalPath, journalsPath, temporariesPath, temporaryPath } from '../snapshot/layout.ts';
import type { SnapshotType } from '../snapshot/types.ts';
import { type Need, needsAmong } from '../stack/order.ts';
import type { CheckBook } from './checks/stage.ts';
import type { RunContext } from './context.ts';
import {
  type Journal,
  type JournalFile,
  type JournalWayBack,
  journalContainers,
  openJournal,
  removeJournal,
} from './journal.ts';
import { nameRun } from './name.ts';
import { type Ledger, newLedger } from './quiet/ledger.ts';
import { type WayBack, wayBackOf } from './quiet/way-back.ts';
import type { HookBook } from './stages/hook-stage.ts';

export interface BackupOptions {
  readonly type: SnapshotType;
  readonly tags: Readonly<Record<string, string>>;
  readonly note: string;
  readonly toolVersion: string;
  /** ISO 8601: the snapshot is not to be removed before. */
  readonly pinnedUntil?: string;
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
export interface Run {
  readonly id: string;
  /** Name of the folder to be. */
  readonly snapshot: string;
  /** The clock stands behind the newest snapshot. */
  readonly behind: Warning | undefined;
  readonly started: Date;
  /** Clock tick of the start. */
  readonly tick: number;
  /** Absolute path of the folder being written, on the file system of the backups. */
  readonly folder: string;
  readonly context: RunContext;
  readonly plan: BackupPlan;
  /** Start order among the containers that the plan touches. */
  readonly needs: readonly Need[];
  readonly options: BackupOptions;
  readonly tools: BackupTools;
  readonly warnings: Warning[];
  readonly ledger: Ledger;
  readonly hooks: HookBook;
  readonly checks: CheckBook;
}

const needsOf = (plan: BackupPlan): Need[] =>
  needsAmong(
    new Set(plan.stopWaves.flat().map((container) => container.id)),
    plan.stack.containers.map((container) => container.id),
    plan.stack.edges,
  );

/** Now, and never before the run has lasted as long as it has: clocks are put back. */
export const momentOf = ({ context: { clock }, started, tick }: Run): Date =>
  new Date(Math.max(clock.now().getTime(), started.getTime() + clock.tick() - tick));

/** Names a run and opens its books. Nothing is written yet. */
export const newRun = async (plan: BackupPlan, options: BackupOptions, tools: BackupTools): Promise<Run> => {
  const { engine, info, clock, emit, signal } = tools;
  const started = clock.now();
  const { snapshot, behind } = await nameRun(plan.instance, started);
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
    behind,
    folder: temporaryPath(plan.instance.backups, id),
    context: { engine, local: info.local, clock, emit, signal, warn },
    plan,
    needs: needsOf(plan),
    options,
    tools,
    warnings,
    ledger: newLedger(journalContainers(plan)),
    hooks: { dumps: [], results: [] },
    checks: new Map(),
  };
};

const journalled = (plan: BackupPlan, way: WayBack): JournalWayBack => {
  const { project: _project, postStart: _postStart, ...kept } = way;
  const lifecycle = Object.entries(plan.stack.lifecycle);
  return {
    ...kept,
    postStart: lifecycle.filter(([, { postStart }]) => postStart.length > 0).map(([service]) => service),
  };
};

/** A run that has its folder and its journal. */
export interface OpenedRun {
  readonly journal: JournalFile;
  /** Whether both are in reach still: a file system can be unmounted from under a run. */
  readonly isHome: () => Promise<boolean>;
}

const journalOf = (run: Run, also: Partial<Journal>): Promise<JournalFile> => {
  const { backups, name, configFile } = run.plan.instance;
  return openJournal(journalPath(backups, run.id), {
    version: 1,
    id: run.id,
    instance: name,
    project: run.plan.stack.project,
    snapshot: run.snapshot,
    type: run.options.type,
    engine: { id: run.tools.info.id, endpoint: run.context.engine.endpoint },
    started: run.started.toISOString(),
    phase: 'before-stop',
    folder: run.folder,
    containers: [...run.ledger.values()].map((entry) => entry.container),
    wayBack: journalled(run.plan, wayBackOf(run.plan, run.needs)),
    ...(configFile === undefined ? {} : { config: configFile }),
    ...also,
  });
};

/** A journal or a folder that cannot be made, or flushed, leaves nothing behind: nothing has been touched yet. */
const journalAndFolder = async (run: Run, also: Partial<Journal>): Promise<JournalFile> => {
  try {
    const journal = await journalOf(run, also);
    await makeFolderIn(run.folder);
    return journal;
  } catch (error) {
    await removeJournal(journalPath(run.plan.instance.backups, run.id)).catch(() => undefined);
    await rmdir(run.folder).catch(() => undefined);
    throw error;
  }
};

/**
 * Makes the run's journal and its folder: the first thing a run writes, before it touches anything. Rejects
 * with `space-short` or `backups-unusable`. `also` stands in the journal, too.
 */
export const openFolders = async (run: Run, also: Partial<Journal> = {}): Promise<OpenedRun> => {
  const { backups } = run.plan.instance;
  try {
    for (const path of [backups, journalsPath(backups), temporariesPath(backups)])
      await makePrivateDirectory(path);
    const isHome = await rememberFolder(temporariesPath(backups));
    return { journal: await journalAndFolder(run, also), isHome };
  } catch (cause) {
    const next = `Look at the permissions of ${backups} and of what is in it, or choose another folder with --backups.`;
    throw (
      (await diskTrouble(cause, backups)) ??
      new StackBackupError('backups-unusable', `cannot write to ${backups}: ${messageOf(cause)}`, {
        cause,
        next,
      })
    );
  }
};

/** Gives the finished folder its name: from here on it is a snapshot. */
export const giveName = async (run: Run): Promise<string> => {
  const { backups } = run.plan.instance;
  const path = join(backups, run.snapshot);
  try {
    await rename(run.folder, path);
    await fsyncDirectory(backups);
  } catch (error) {
    // It may have its name or not when the machine starts again: then it had better have none.
    await rename(path, run.folder).catch(() => undefined);
    throw error;
  }
  return path;
};
