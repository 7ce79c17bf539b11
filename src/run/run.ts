import { randomBytes } from 'node:crypto';
import { lstat, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { fsyncDirectory, makePrivateDirectory } from '../base/disk.ts';
import type { Emit, Phase, Warning } from '../base/events.ts';
import type { Engine, EngineInfo } from '../docker/engine.ts';
import type { BackupPlan } from '../plan/types.ts';
import {
  journalPath,
  journalsPath,
  snapshotName,
  temporariesPath,
  temporaryPath,
} from '../snapshot/layout.ts';
import type { SnapshotType } from '../snapshot/types.ts';
import { type Need, needsAmong } from '../stack/order.ts';
import type { RunContext } from './context.ts';
import { type JournalFile, journalContainers, openJournal } from './journal.ts';
import { type Ledger, newLedger } from './quiet/ledger.ts';
import { type WayBack, wayBackOf } from './quiet/way-back.ts';
import type { HookBook } from './stages/hook-stage.ts';

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
export interface Run {
  readonly id: string;
  /** Name of the folder to be. */
  readonly snapshot: string;
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
}

const isTaken = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** A name that no snapshot has yet: of this second, else of the next free one. */
const freeName = async (plan: BackupPlan, started: Date): Promise<string> => {
  const { name, backups, timezone } = plan.instance;
  for (let at = started.getTime(); ; at += 1000) {
    const snapshot = snapshotName(name, new Date(at), timezone);
    if (!(await isTaken(join(backups, snapshot)))) return snapshot;
  }
};

const needsOf = (plan: BackupPlan): Need[] =>
  needsAmong(
    new Set(plan.stopWaves.flat().map((container) => container.id)),
    plan.stack.containers.map((container) => container.id),
    plan.stack.edges,
  );

/** Names a run and opens its books. Nothing is written yet. */
export const newRun = async (plan: BackupPlan, options: BackupOptions, tools: BackupTools): Promise<Run> => {
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
    needs: needsOf(plan),
    options,
    tools,
    warnings,
    ledger: newLedger(journalContainers(plan)),
    hooks: { dumps: [], results: [] },
  };
};

const journalled = ({ needs, awaited, known, healthMs }: WayBack) => ({ needs, awaited, known, healthMs });

/** Makes the run's folder and its journal: the first thing a run writes, before it touches anything. */
export const openFolders = async (run: Run): Promise<JournalFile> => {
  const { backups, name } = run.plan.instance;
  for (const path of [backups, journalsPath(backups), temporariesPath(backups)])
    await makePrivateDirectory(path);
  const journal = await openJournal(journalPath(backups, run.id), {
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
    wayBack: journalled(wayBackOf(run.plan, run.needs)),
  });
  await mkdir(run.folder, { mode: 0o700 });
  return journal;
};

/** Gives the finished folder its name: from here on it is a snapshot. */
export const giveName = async (run: Run): Promise<string> => {
  const { backups } = run.plan.instance;
  const path = join(backups, run.snapshot);
  await rename(run.folder, path);
  await fsyncDirectory(backups);
  return path;
};
