import type { Warning } from '../base/events.ts';
import type { HookConfig, HookPhase, QuiesceMode } from '../config/types.ts';
import type { Engine } from '../docker/engine.ts';
import type { ManifestDump } from '../snapshot/types.ts';
import type { Stack, StackContainer } from '../stack/types.ts';

export interface HookContext {
  readonly engine: Engine;
  /** The engine's host paths can be read from here. */
  readonly hostPaths: boolean;
  readonly stack: Pick<Stack, 'project' | 'containers'>;
  /** The container to run in (lowest replica number that runs); absent for host commands. */
  readonly container?: StackContainer;
  /** Absolute folder `<snapshot being written>`; dumps go to `dumps/<service>/…` below it. */
  readonly folder: string;
  readonly instance: string;
  readonly phase: HookPhase;
  /** What the run does to the hook's container; lets `check` refuse a hook that needs it while it is down. */
  readonly quiesce?: QuiesceMode;
  /** Id of the run; hooks see it as STACK_BACKUP_RUN. */
  readonly run?: string;
  /** Told to `finally` hooks as STACK_BACKUP_OUTCOME, with STACK_BACKUP_INSTANCE and _SNAPSHOT. */
  readonly outcome?: string;
  readonly snapshot?: string;
  /** Aborts at the hook's timeout and when the run is interrupted. */
  readonly signal: AbortSignal;
}

export interface HookResult {
  readonly summary: string;
  readonly dumps: readonly ManifestDump[];
  readonly warnings: readonly Warning[];
}

/** One kind of hook. Failing means throwing a StackBackupError (`hook-failed`, `database-corrupt`). */
export interface HookKind<Config extends HookConfig = HookConfig> {
  readonly kind: Config['kind'];
  /** Pre-flight, before anything is touched: throws when the hook could not possibly succeed. */
  check(hook: Config, context: HookContext): Promise<void>;
  run(hook: Config, context: HookContext): Promise<HookResult>;
}
