import type { Warning } from '../base/events.ts';
import type { HookConfig, Instance } from '../config/types.ts';
import type { CopyTask, Measured } from '../copy/types.ts';
import type { Base } from '../copy/warm/types.ts';
import type { Consistency } from '../snapshot/types.ts';
import type { Mount, SkippedMount, Stack } from '../stack/types.ts';

/** One container the run will quiesce, and why it does it this way and at this place. */
export interface PlannedContainer {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly action: 'stop' | 'pause';
  readonly stateBefore: 'running' | 'restarting' | 'paused';
  /** Wait for health after the start: it was healthy before. */
  readonly awaitHealth: boolean;
  readonly reason: string;
}

/** One container that is left as it is. */
export interface UntouchedContainer {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly state: string;
  readonly reason: string;
}

export interface PlannedCopy {
  readonly task: CopyTask;
  readonly mount: Mount;
  readonly reason: string;
  readonly consistency: Consistency;
  /** From the pre-flight walk; undefined when it could not be measured (api). */
  readonly size: Measured | undefined;
  /** Copied while the services run; what changed since is copied while they are down. */
  readonly warm: boolean;
  /** Nobody of this stack can have it open during the copy, nor anybody else that is known of. */
  readonly quiet: boolean;
  /** The earlier copy that unchanged files are shared with. */
  readonly base?: Base & { readonly snapshot: string; readonly form: 'tree' | 'archive' };
  readonly form: 'tree' | 'archive';
  /** Why it has this form. */
  readonly formReason: string;
}

/** Everything a backup will do, as data. Printing it is the dry run. */
export interface BackupPlan {
  readonly instance: Instance;
  readonly stack: Stack;
  /** First wave first. Starting goes through them backwards. */
  readonly stopWaves: readonly (readonly PlannedContainer[])[];
  readonly untouched: readonly UntouchedContainer[];
  readonly copies: readonly PlannedCopy[];
  readonly skipped: readonly SkippedMount[];
  readonly hooks: readonly HookConfig[];
  readonly warnings: readonly Warning[];
  /** Predicted, milliseconds; undefined when nothing is stopped. */
  readonly predictedDowntimeMs: number | undefined;
  /** How much of it bringing the services back is. */
  readonly predictedBackMs: number | undefined;
  readonly needed: { readonly bytes: number; readonly inodes: number };
}
