import type { Clock } from '../base/clock.ts';
import type { Check } from '../config/checks/types.ts';
import type { DrillSettings } from '../config/drill/types.ts';
import type { HookConfig } from '../config/types.ts';
import type { Engine, EngineInfo } from '../docker/engine.ts';
import type { CheckResult, DrillRecord } from '../run/drill/record.ts';
import type { Manifest } from '../snapshot/types.ts';
import type { Json } from './model/types.ts';

/** What the services of the original are, as far as somebody knows. */
export interface ModelSource {
  readonly model: Json;
  /** It is of this host, not of a snapshot that anybody may have written. */
  readonly isTrusted: boolean;
  readonly observations: readonly string[];
}

/** One snapshot to drill, and how. */
export interface DrillTask {
  readonly instance: string;
  readonly settings: DrillSettings;
  readonly hooks: readonly HookConfig[];
  /** Of the configuration: what the snapshot answered stands in its manifest. */
  readonly checks: readonly Check[];
  /** Absolute path of the snapshot. */
  readonly folder: string;
  /** It lies in a backups folder of the configuration: it was not brought from elsewhere. */
  readonly isOwn: boolean;
  readonly manifest: Manifest;
  /** Absolute path of the backups folder that journal, scratch folder and history belong into. */
  readonly backups: string;
  readonly source: ModelSource;
  /** Where the databases come from. */
  readonly data: 'files' | 'dumps';
  /** Leave the sandbox as it is in the end. */
  readonly keep: boolean;
}

export interface DrillTools {
  readonly engine: Engine;
  readonly info: EngineInfo;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Who runs it, on which machine. */
  readonly by: string;
  /** Told what it is at, a line each. */
  readonly say: (line: string) => void;
}

/** A drill with its names. */
export interface Drill {
  /** Of the run, of the Compose project, of the label: harmless and unlike any other. */
  readonly id: string;
  /** Absolute path of its folder for files of its own. */
  readonly scratch: string;
  readonly task: DrillTask;
  readonly tools: DrillTools;
  readonly started: Date;
  /** Clock tick of the start. */
  readonly tick: number;
  readonly observations: string[];
  readonly checks: CheckResult[];
}

/** Times and sizes that a drill has measured so far. */
export interface Measures {
  restoredMs?: number;
  healthyMs?: number;
  bytes: number;
  files: number;
}

/** A drill that is over, with every check. */
export interface DrillEnd {
  readonly record: DrillRecord;
  readonly checks: readonly CheckResult[];
}
