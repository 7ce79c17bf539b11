/** A warning: something the operator should know although the run went on. */
export interface Warning {
  /** Stable kebab-case name, for machines. */
  readonly code: string;
  readonly message: string;
  /** The service, mount or hook that it is about. */
  readonly about?: string;
  /** Good to know, but no reason to call the run anything less than complete. */
  readonly notice?: true;
}

export type Phase =
  | 'checking'
  | 'before-stop'
  | 'warming'
  | 'stopping'
  | 'while-stopped'
  | 'copying'
  | 'starting'
  | 'after-start'
  | 'hashing'
  | 'publishing'
  | 'cleaning-up'
  /** Of a restore: what is to be overwritten is being made a snapshot of, while everything is down. */
  | 'securing'
  /** Of a restore: data is half the old and half the new. */
  | 'restoring'
  /** Of a restore: the dumps of databases are being loaded. */
  | 'loading'
  /** Of a restore: data is being set back to what it was. */
  | 'rolling-back';

export type Outcome = 'complete' | 'complete-with-warnings' | 'failed' | 'services-down' | 'interrupted';

/** What became of the data that a restore was to overwrite. */
export type DataState = 'untouched' | 'restored' | 'rolled-back' | 'half-restored' | 'as-is';

/**
 * What a run tells its listeners. Times are milliseconds, sizes are bytes. The run stamps `at` (ISO 8601)
 * and `instance` on each; schemas/event.schema.json describes the lines of `--json`.
 */
export type EventBody =
  | {
      readonly type: 'run-started';
      readonly id: string;
      readonly snapshot: string;
      readonly project: string;
      /** Of a restore: the snapshot that is put back. `snapshot` is its safety snapshot then. */
      readonly restores?: string;
    }
  | { readonly type: 'phase'; readonly phase: Phase }
  | {
      readonly type: 'wave';
      readonly action: 'stop' | 'pause' | 'unpause' | 'start';
      readonly wave: number;
      readonly of: number;
      readonly containers: readonly string[];
    }
  | {
      readonly type: 'container';
      readonly action: 'stopped' | 'paused' | 'unpaused' | 'started' | 'healthy';
      readonly service: string;
      readonly container: string;
      readonly ms: number;
      readonly exitCode?: number;
    }
  | {
      readonly type: 'copy-started';
      readonly mount: string;
      readonly bytes: number;
      readonly entries: number;
    }
  | { readonly type: 'copy-progress'; readonly mount: string; readonly bytes: number }
  | {
      readonly type: 'copy-finished';
      readonly mount: string;
      readonly bytes: number;
      readonly entries: number;
      readonly ms: number;
    }
  | { readonly type: 'hook-started'; readonly hook: string; readonly phase: Phase | 'finally' }
  | {
      readonly type: 'hook-finished';
      readonly hook: string;
      readonly phase: Phase | 'finally';
      readonly ok: boolean;
      readonly ms: number;
      readonly summary: string;
    }
  | { readonly type: 'hash-progress'; readonly bytes: number; readonly of: number }
  | ({ readonly type: 'warning' } & Warning)
  | { readonly type: 'error'; readonly code: string; readonly message: string; readonly next?: string }
  | {
      readonly type: 'run-finished';
      readonly outcome: Outcome;
      /** Of a restore: which snapshot, and what became of the data. `path` is its safety snapshot then. */
      readonly restore?: { readonly from: string; readonly data: DataState };
      /** Absolute path of the snapshot folder; absent when there is none. */
      readonly path?: string;
      readonly bytes: number;
      readonly files: number;
      /** Longest time any one service was not serving. */
      readonly downtimeMs: number;
      /** From the last container stopped to the first start asked for. */
      readonly windowMs: number;
      readonly totalMs: number;
      readonly warnings: number;
    };

export type RunEvent = EventBody & { readonly at: string; readonly instance: string };

/** Where a room sends what happens; it never throws and never waits. */
export type Emit = (event: EventBody) => void;
