import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Emit, Phase, Warning } from '../base/events.ts';
import type { Engine, EngineInfo } from '../docker/engine.ts';
import type { BackupPlan } from '../plan/types.ts';
import { temporaryPath } from '../snapshot/layout.ts';
import type { SnapshotType } from '../snapshot/types.ts';
import { type Need, needsAmong } from '../stack/order.ts';
import type { CheckBook } from './checks/stage.ts';
import type { RunContext } from './context.ts';
import { journalContainers } from './journal.ts';
import { nameRun } from './name.ts';
import { type Ledger, newLedger } from './quiet/ledger.ts';
import type { HookBook } from './stages/hook-stage.ts';

export interface BackupOptions {
  readonly type: SnapshotType;
  readonly tags: Readonly<Record<string, string>>;
  readonly note: string;
  readonly toolVersion: string;
  /** From its start on so long it is not to be removed, ms. */
  readonly pinnedMs?: number;
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
