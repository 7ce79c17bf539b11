import type { Duration } from '../../base/duration.ts';

/** What of a recovery only people can do, and who they are. */
export interface ManualStep {
  readonly step: string;
  readonly owner?: string;
}

/** How an instance is drilled. */
export interface DrillSettings {
  /** How long a recovery may take, from its begin until every service is healthy. 0 = no target. */
  readonly rto: Duration;
  /** How old the newest snapshot may be. 0 = no target. */
  readonly rpo: Duration;
  /** How long services may take until all are healthy. Then the drill has failed. */
  readonly health: Duration;
  /** What is secret of the original and given to the drill: nothing, all, or the names of variables, secrets and files. */
  readonly secrets: 'none' | 'all' | readonly string[];
  /** Values for services, in place of the original's. */
  readonly environment: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Services that take no part. */
  readonly leaveOut: readonly string[];
  /** Patterns on tables (`orders`, `public.orders`, `shop.public.orders`) whose number of rows may be any. */
  readonly ignoreRows: readonly string[];
  readonly manual: readonly ManualStep[];
  /** A drill is due when the last good one is older. */
  readonly every: Duration;
  /** Absolute path of the Markdown file that every drill gets an entry in. */
  readonly runbook: string | undefined;
}

/** As in the file. */
export interface RawDrill {
  readonly rto?: string;
  readonly rpo?: string;
  readonly health?: string;
  readonly secrets?: 'none' | 'all' | readonly string[];
  readonly environment?: Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;
  readonly leave_out?: readonly string[];
  readonly ignore_rows?: readonly string[];
  readonly manual?: readonly ManualStep[];
}

/** As in the file, for all instances. */
export interface RawDrills {
  readonly every?: string;
  readonly runbook?: string;
}
