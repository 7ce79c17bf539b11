import type { StackBackupError } from '../base/errors.ts';
import type { DataState, EventBody, Outcome, Warning } from '../base/events.ts';
import type { Manifest, SnapshotType } from '../snapshot/types.ts';
import { downtimeOf, type Ledger, windowOf } from './quiet/ledger.ts';
import { momentOf, type Run } from './run.ts';

/** A container that could not be brought back, and why. */
export interface DownContainer {
  readonly service: string;
  readonly container: string;
  readonly reason: string;
}

/** What a restore was about, and what became of it. */
export interface RestoreRecord {
  /** Name of the snapshot that was to be put back, and where it lies. */
  readonly from: string;
  readonly folder: string;
  readonly data: DataState;
  /** Folder name of the safety snapshot, when it was complete. */
  readonly safety?: string;
  /** Volumes and host paths that were to be overwritten. */
  readonly mounts: readonly string[];
  /** Volumes among them that were not there before. */
  readonly created: readonly string[];
  /** Subtrees that were put back instead of all, base64 of their bytes. */
  readonly paths?: readonly string[];
  /** Dumps that were loaded instead, by their path in the snapshot. */
  readonly dumps?: readonly string[];
}

/** What is known of a run when it is over: its line in the history, good or bad. */
export interface RunRecord {
  readonly version: 1;
  /** Absent: a backup. Of a restore `snapshot` and `path` are its safety snapshot. */
  readonly kind?: 'restore';
  readonly restore?: RestoreRecord;
  readonly run: string;
  readonly instance: string;
  readonly project: string;
  /** Folder name that the snapshot has, or would have had. */
  readonly snapshot: string;
  readonly type: SnapshotType;
  readonly tags: Readonly<Record<string, string>>;
  readonly started: string;
  readonly finished: string;
  readonly outcome: Outcome;
  readonly error?: { readonly code: string; readonly message: string; readonly next?: string };
  /** Absolute path of the finished snapshot; absent when there is none. */
  readonly path?: string;
  readonly bytes: number;
  readonly files: number;
  readonly downtimeMs: number;
  readonly windowMs: number;
  readonly totalMs: number;
  readonly down: readonly DownContainer[];
  readonly warnings: readonly Warning[];
}

/** How a run ended: with a manifest and a folder, or with an error, or (at the worst) with both. */
export interface RunEnd {
  readonly manifest: Manifest | undefined;
  readonly path: string | undefined;
  readonly error: StackBackupError | undefined;
}

/** What the ledger could not bring back. */
export const downOf = (ledger: Ledger): readonly DownContainer[] =>
  [...ledger.values()].flatMap(({ container, down }) =>
    down === undefined ? [] : [{ service: container.service, container: container.name, reason: down }],
  );

/** Services down is worse than any error; a warning that is no mere notice is less than complete. */
export const outcomeOf = (run: Run, error: StackBackupError | undefined): Outcome => {
  if (downOf(run.ledger).length > 0) return 'services-down';
  if (error !== undefined) return error.code === 'interrupted' ? 'interrupted' : 'failed';
  return run.warnings.some((warning) => warning.notice !== true) ? 'complete-with-warnings' : 'complete';
};

const without = (error: StackBackupError): NonNullable<RunRecord['error']> => ({
  code: error.code,
  message: error.message,
  ...(error.next === undefined ? {} : { next: error.next }),
});

/** The record of a run that is over. */
export const recordOf = (run: Run, { manifest, path, error }: RunEnd): RunRecord => {
  const { plan, context, ledger, options } = run;
  const now = context.clock.tick();
  return {
    version: 1,
    run: run.id,
    instance: plan.instance.name,
    project: plan.stack.project,
    snapshot: run.snapshot,
    type: options.type,
    tags: options.tags,
    started: run.started.toISOString(),
    finished: momentOf(run).toISOString(),
    outcome: outcomeOf(run, error),
    ...(error === undefined ? {} : { error: without(error) }),
    ...(path === undefined ? {} : { path }),
    bytes: path === undefined ? 0 : (manifest?.totals.bytes ?? 0),
    files: path === undefined ? 0 : (manifest?.totals.files ?? 0),
    downtimeMs: Math.max(0, ...[...ledger.values()].map((entry) => downtimeOf(entry, now))),
    windowMs: windowOf(ledger),
    totalMs: Math.round(now - run.tick),
    down: downOf(ledger),
    warnings: run.warnings,
  };
};

/** What to do about containers that stay down on data that is half restored: by hand they would run on it. */
const halfRestoredNext =
  'Do not start it by hand. Put the cause right (free space, a disk, the engine), then `stack-backup recover`: it sets the data back to what it was, or brings it on to what the snapshot has, and starts what ran.';

/** What listeners hear last: errors first, then the end. */
export const closingEvents = (record: RunRecord): readonly EventBody[] => [
  ...(record.error === undefined ? [] : [{ type: 'error', ...record.error } as const]),
  ...record.down.map(
    ({ container, reason }) =>
      ({
        type: 'error',
        code: 'services-down',
        message: `${container} could not be brought back: ${reason}`,
        next:
          record.restore?.data === 'half-restored'
            ? halfRestoredNext
            : `Look into \`docker logs ${container}\`, put the cause right, then \`stack-backup recover\`, which starts it as it was, or \`docker start ${container}\`.`,
      }) as const,
  ),
  {
    type: 'run-finished',
    outcome: record.outcome,
    ...(record.restore === undefined
      ? {}
      : { restore: { from: record.restore.from, data: record.restore.data } }),
    ...(record.path === undefined ? {} : { path: record.path }),
    bytes: record.bytes,
    files: record.files,
    downtimeMs: record.downtimeMs,
    windowMs: record.windowMs,
    totalMs: record.totalMs,
    warnings: record.warnings.filter((warning) => warning.notice !== true).length,
  },
];
