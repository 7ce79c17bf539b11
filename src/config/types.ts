import type { Duration } from '../base/duration.ts';
import type { Check } from './checks/types.ts';
import type { DrillSettings } from './drill/types.ts';

export type QuiesceMode = 'stop' | 'pause' | 'none';
/** How a copy lies in the snapshot: as plain files, as an archive, or whichever suits the content. */
export type CopyForm = 'tree' | 'archive' | 'auto';
export type HookPhase = 'before-stop' | 'while-stopped' | 'after-start' | 'finally';

interface HookBase {
  /** Unique within the instance; default `<kind>-<service>` (numbered when taken). */
  readonly name: string;
  readonly phase: HookPhase;
  readonly timeout: Duration;
  /** `abort` fails the run; `warn` notes it and goes on (exit 3). */
  readonly onFailure: 'abort' | 'warn';
}

export interface PostgresHook extends HookBase {
  readonly kind: 'postgres';
  readonly service: string;
  /** `all` = every database that allows connections, templates left out. */
  readonly databases: 'all' | readonly string[];
  /** Default: POSTGRES_USER of the container, else `postgres`. */
  readonly user?: string;
  /** Given to the process as PGPASSWORD, never on a command line. */
  readonly password?: string;
  readonly globals: boolean;
}

export interface SqliteHook extends HookBase {
  readonly kind: 'sqlite';
  readonly service: string;
  /** Absolute path in the container; it must lie in one of its mounts. */
  readonly path: string;
  readonly check: 'quick' | 'full';
  readonly checkpoint: boolean;
  /** Online backup into dumps/. */
  readonly backup: boolean;
}

export interface CommandHook extends HookBase {
  readonly kind: 'command';
  /** In this service's container, or undefined: on the host. */
  readonly service?: string;
  /** An argument list, run without a shell; a string is run by the container's `sh -c` (services only). */
  readonly command: readonly string[] | string;
  readonly user?: string;
  readonly workingDir?: string;
  /** stdout is kept as dumps/<service|host>/<save>; a plain file name. */
  readonly save?: string;
}

export type HookConfig = PostgresHook | SqliteHook | CommandHook;

/** A stack under its short name, with every default filled in. Paths are absolute. */
export interface Instance {
  readonly name: string;
  /** Compose project name. */
  readonly project: string;
  /** Empty when no configuration names it: the containers' labels are asked. */
  readonly composeFiles: readonly string[];
  readonly envFile: string | undefined;
  readonly backups: string;
  /** IANA zone for the snapshot's name. */
  readonly timezone: string;
  readonly quiesce: QuiesceMode;
  readonly services: Readonly<Record<string, { readonly quiesce: QuiesceMode }>>;
  /** Patterns on volume names and bind paths; none = everything. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** `auto`: the host path where it is reachable, else the Engine's archive API. */
  readonly copy: 'auto' | 'host' | 'api';
  readonly format: CopyForm;
  /** What differs for single volumes (by full or short name) and binds (by host path). */
  readonly volumes: Readonly<Record<string, { readonly format: CopyForm }>>;
  readonly hooks: readonly HookConfig[];
  readonly checks: readonly Check[];
  readonly logs: boolean;
  /** Copy while the services run, so that only what changed since is copied while they are down. */
  readonly warm: boolean;
  /** Share unchanged files with the newest complete snapshot. */
  readonly incremental: boolean;
  readonly limits: {
    /** How long a service that was healthy may take to be healthy again. */
    readonly health: Duration;
    /** What the downtime of any one service should stay under: above it the run warns. 0 = no budget. */
    readonly downtime: Duration;
    /** Before it is reached the copy is abandoned and the services come back. 0 = no limit. */
    readonly maxDowntime: Duration;
    /** How long an engine that has gone away is waited for before the services count as down. */
    readonly engine: Duration;
    /** How fast may be read while the services run, all copies together: bytes a second. 0 = no limit. */
    readonly readRate: number;
  };
  readonly drill: DrillSettings;
  /** `config` or `running`: where this instance was found. */
  readonly from: 'config' | 'running';
  /** Absolute path of the configuration that names it. */
  readonly configFile?: string;
}
