import type { RawCheck } from './checks/types.ts';
import type { RawDrill, RawDrills } from './drill/types.ts';
import type { CopyForm, HookPhase, QuiesceMode } from './types.ts';

/**
 * backup.config.yaml as it stands after interpolation: what schemas/config.schema.json describes, with the
 * same snake_case keys and no defaults filled in. Durations are text, paths are as written.
 */
export interface RawConfig {
  readonly backups?: string;
  readonly timezone?: string;
  readonly drills?: RawDrills;
  readonly instances?: Readonly<Record<string, RawInstance | null>>;
}

export interface RawInstance {
  readonly project?: string;
  readonly compose_files?: readonly string[];
  readonly env_file?: string;
  readonly backups?: string;
  readonly timezone?: string;
  readonly quiesce?: QuiesceMode;
  readonly services?: Readonly<Record<string, { readonly quiesce?: QuiesceMode }>>;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly copy?: 'auto' | 'host' | 'api';
  readonly format?: CopyForm;
  readonly volumes?: Readonly<Record<string, { readonly format?: CopyForm }>>;
  readonly hooks?: readonly RawHook[];
  readonly checks?: readonly RawCheck[];
  readonly logs?: boolean;
  readonly warm?: boolean;
  readonly incremental?: boolean;
  readonly drill?: RawDrill;
  readonly limits?: {
    readonly health?: string;
    readonly downtime?: string;
    readonly max_downtime?: string;
    readonly engine?: string;
    readonly read_rate?: string;
  };
}

interface RawHookBase {
  readonly name?: string;
  readonly phase?: HookPhase;
  readonly timeout?: string;
  readonly on_failure?: 'abort' | 'warn';
}

export interface RawPostgresHook extends RawHookBase {
  readonly kind: 'postgres';
  readonly service: string;
  readonly databases?: 'all' | readonly string[];
  readonly user?: string;
  readonly password?: string;
  readonly password_file?: string;
  readonly globals?: boolean;
}

export interface RawSqliteHook extends RawHookBase {
  readonly kind: 'sqlite';
  readonly service: string;
  readonly path: string;
  readonly check?: 'quick' | 'full';
  readonly checkpoint?: boolean;
  readonly backup?: boolean;
}

export interface RawCommandHook extends RawHookBase {
  readonly kind: 'command';
  readonly service?: string;
  readonly host?: boolean;
  readonly command: readonly string[] | string;
  readonly user?: string;
  readonly working_dir?: string;
  readonly save?: string;
}

export type RawHook = RawPostgresHook | RawSqliteHook | RawCommandHook;
