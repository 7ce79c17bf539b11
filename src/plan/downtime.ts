import { formatDuration } from '../base/duration.ts';
import type { Warning } from '../base/events.ts';
import type { Instance } from '../config/types.ts';
import type { Stack } from '../stack/types.ts';
import type { BackupPlan, PlannedContainer, PlannedCopy } from './types.ts';

/** What an earlier complete snapshot of the instance cost in time. */
export interface TimeSpent {
  readonly downtimeMs: number;
  readonly windowMs: number;
  /** Bringing back alone; snapshots of older versions do not say. */
  readonly backMs?: number;
  readonly bytes: number;
  /** It was copied while its services ran: the window held only what had changed. */
  readonly warm?: boolean;
}

/** Rough cost of a copy where nothing is known yet: a plain disk, warm cache. */
const bytesPerMs = 400_000;
const entriesPerMs = 30;
/** Of a walk that looks for changes. */
const walkedPerMs = 200;
const msPerWave = 600;

const copyMs = (copies: readonly PlannedCopy[]): number =>
  copies.reduce((sum, { size, warm }) => {
    if (size === undefined) return sum;
    if (warm) return sum + size.entries / walkedPerMs;
    return sum + size.allocated / bytesPerMs + size.entries / entriesPerMs;
  }, 0);

/** How long the longest service will be down, ms; undefined when none is touched. */
export const predictDowntime = (
  waves: number,
  copies: readonly PlannedCopy[],
  before: TimeSpent | undefined,
): number | undefined => {
  if (waves === 0) return undefined;
  const isWarm = copies.every(({ warm }) => warm);
  if (before === undefined || before.bytes === 0 || isWarm !== (before.warm === true))
    return Math.round(copyMs(copies) + waves * 2 * msPerWave);
  const bytes = copies.reduce((sum, { size }) => sum + (size?.bytes ?? 0), 0);
  return Math.round(before.downtimeMs - before.windowMs + (before.windowMs * bytes) / before.bytes);
};

/** The engine asks a container for its health for the first time when its interval has passed. */
const backOf = (stack: Stack, { id, awaitHealth, action }: PlannedContainer): number => {
  if (action === 'pause') return 0;
  const every = stack.containers.find((one) => one.id === id)?.details.healthIntervalMs;
  return msPerWave + (awaitHealth ? (every ?? 0) : 0);
};

/**
 * How long it will take to bring the services back, ms: as long as the last time, or, where that is not known,
 * as their health checks let expect. Undefined when none is touched.
 */
export const predictBack = (
  stopWaves: BackupPlan['stopWaves'],
  stack: Stack,
  before: TimeSpent | undefined,
): number | undefined => {
  if (stopWaves.length === 0) return undefined;
  if (before?.backMs !== undefined) return before.backMs;
  const waves = stopWaves.map((wave) => Math.max(...wave.map((one) => backOf(stack, one))));
  return waves.reduce((sum, ms) => sum + ms, 0);
};

/** Budgets that will not be kept are told before anything is stopped. */
export const overBudget = (instance: Instance, predicted: number | undefined): readonly Warning[] => {
  const { downtime, maxDowntime } = instance.limits;
  const told = (limit: number, rest: string): readonly Warning[] => {
    if (limit === 0 || predicted === undefined || predicted <= limit) return [];
    const message = `about ${formatDuration(predicted)} of downtime are to be expected; ${rest}`;
    return [{ code: 'over-budget', message, notice: true }];
  };
  return [
    ...told(downtime, `the budget is ${formatDuration(downtime)} (limits.downtime)`),
    ...told(
      maxDowntime,
      `the copy is given up before services are down for ${formatDuration(maxDowntime)} (limits.max_downtime)`,
    ),
  ];
};
