/** One thing that a drill looked at. */
export interface CheckResult {
  readonly kind: 'health' | 'files' | 'rows' | 'sqlite' | 'check';
  /** What it is about: a service, a volume, a table, a file, a check of the configuration. */
  readonly about: string;
  readonly ok: boolean;
  /** What was found, in words; when it is not as it should be, what should have been. */
  readonly message: string;
}

/** A length of time that was measured, against what it may be. */
export interface Target {
  readonly ms: number;
  readonly limitMs: number;
  readonly met: boolean;
}

/** What is known of a drill when it is over: its line in the history. Times are ISO 8601. */
export interface DrillRecord {
  readonly version: 1;
  readonly kind: 'drill';
  readonly run: string;
  readonly instance: string;
  /** Compose project of the sandbox. */
  readonly project: string;
  readonly snapshot: string;
  /** Absolute path of the snapshot. */
  readonly path: string;
  /** A copy was drilled that lies in no backups folder: it says nothing of the one that does. */
  readonly elsewhere?: true;
  /** Where the databases came from. */
  readonly data: 'files' | 'dumps';
  /** Who ran it, on which machine. */
  readonly by: string;
  readonly started: string;
  readonly finished: string;
  /** `passed`: every check held, whatever the targets say. */
  readonly outcome: 'passed' | 'failed' | 'interrupted';
  readonly error?: { readonly code: string; readonly message: string; readonly next?: string };
  readonly checks: { readonly passed: number; readonly failed: number };
  /** The checks that failed, at most 50. */
  readonly failures: readonly CheckResult[];
  /** From the begin until the data was back, and until every service was healthy. */
  readonly restoredMs?: number;
  readonly healthyMs?: number;
  /** Age of the data when the drill began. */
  readonly ageMs: number;
  readonly rto?: Target;
  readonly rpo?: Target;
  readonly totalMs: number;
  readonly bytes: number;
  readonly files: number;
  readonly observations: readonly string[];
  /** The sandbox was left as it was. */
  readonly kept?: true;
}
