import type { HookConfig } from '../../config/types.ts';
import type { Engine } from '../../docker/engine.ts';
import type { ManifestDump, TableRows } from '../../snapshot/types.ts';
import type { StackContainer } from '../../stack/types.ts';

/** What a table holds now; `extension`: it came with an extension, and a dump has only what was added to it. */
export interface CountedRows extends TableRows {
  readonly extension?: boolean;
}

/** Where a dump is loaded into. */
export interface LoadContext {
  readonly engine: Pick<Engine, 'exec' | 'readArchive' | 'writeArchive' | 'statArchive'>;
  /**
   * For PostgreSQL: the server's container, running. For SQLite: the container that mounts the file, in
   * whatever state; nobody may have the file open.
   */
  readonly container: StackContainer;
  /** The engine's host paths can be read and written from here. */
  readonly hostPaths: boolean;
  /**
   * For SQLite, where host paths are out of reach: what the container has mounted may be written through the engine.
   * There is nothing to undo it with then but a copy of the volume, which whoever says so has.
   */
  readonly throughEngine?: boolean;
  /** For SQLite: nobody has the file open while it is looked at either, so a journal may be rolled back. */
  readonly settled?: boolean;
  /** The hook that made the dump, where it is still configured: its user and password are used. */
  readonly hook?: HookConfig | undefined;
  readonly signal: AbortSignal;
}

/** A dump in a snapshot. */
export interface LoadSource {
  /** Absolute path of the snapshot. */
  readonly folder: string;
  readonly dump: ManifestDump;
  /** The dump of the globals that the same hook made, for roles that are missing. */
  readonly globals?: ManifestDump | undefined;
}

interface PlanBase {
  /** Makes the names below unlike any other; `20261126_141500_ab12cd`. */
  readonly token: string;
  readonly service: string;
  /** Absolute path of the dump. */
  readonly file: string;
  /** The database as the dump's manifest names it: its name, or the file's path in the container. */
  readonly database: string;
  /** There is something now that the load takes the place of. */
  readonly exists: boolean;
  /** What the manifest says was in it; undefined in snapshots that did not count. */
  readonly tables?: readonly TableRows[] | undefined;
}

export interface PostgresLoadPlan extends PlanBase {
  readonly kind: 'postgres';
  /** Absolute path of the dump of the globals. */
  readonly globals?: string | undefined;
  /** The name it is loaded under. */
  readonly fresh: string;
  /** The name under which the old one is kept. */
  readonly kept: string;
}

export interface SqliteLoadPlan extends PlanBase {
  readonly kind: 'sqlite';
  /** Absolute path of the live file on the host. */
  readonly target: string;
  /** Absolute paths beside it. */
  readonly fresh: string;
  readonly kept: string;
}

/** An SQLite file that only the engine reaches: it is overwritten, and what was there before is in a snapshot. */
export interface SqliteEngineLoadPlan extends PlanBase {
  readonly kind: 'sqlite-engine';
  /** What was there before, for people. */
  readonly kept: string;
}

/** What a load will do, before it does anything. Serialisable and without secrets: it can stand in a journal. */
export type LoadPlan = PostgresLoadPlan | SqliteLoadPlan | SqliteEngineLoadPlan;

/** For a dry run: the plan, and what is there now against what the dump holds. */
export interface LoadPreview {
  readonly plan: LoadPlan;
  readonly bytes: number;
  /** Every table of either side, by schema and name; a side that does not have it is undefined. */
  readonly tables: readonly {
    readonly schema?: string | undefined;
    readonly table: string;
    readonly now: number | undefined;
    readonly dump: number | undefined;
  }[];
}

/**
 * How far a load has come, as the database itself says: nothing is there of it · it is (half) loaded under its
 * fresh name · it has taken the place of the old one, which is kept.
 */
export type LoadState = 'none' | 'loaded' | 'swapped';

/**
 * One kind of dump. The steps are `plan`, `load`, `swap`, and then either `settle` or `undo`. Each looks at
 * what is there, so that it can be called again after a kill; until `swap` nobody sees anything of it.
 * Rejects with `hook-failed`, `database-corrupt`, `verify-failed` or `interrupted`.
 */
export interface LoadKind<Plan extends LoadPlan = LoadPlan> {
  /** Changes nothing. */
  preview(context: LoadContext, source: LoadSource, token: string): Promise<LoadPreview>;
  /** Fills the fresh database and proves it against the manifest. What a killed load left of it is thrown away. */
  load(context: LoadContext, plan: Plan): Promise<void>;
  /** Puts it in the old one's place, which is kept under another name. Done twice it is done once. */
  swap(context: LoadContext, plan: Plan): Promise<void>;
  /** Drops the old one: the point of no return. */
  settle(context: LoadContext, plan: Plan): Promise<void>;
  /** From any point before `settle` has begun: what was there before is there again, and nothing of the load. */
  undo(context: LoadContext, plan: Plan): Promise<void>;
  state(context: LoadContext, plan: Plan): Promise<LoadState>;
  /** The rows of every table of a database as it is now, by the name its dump gives it. Changes nothing. */
  rows(context: LoadContext, database: string): Promise<readonly CountedRows[]>;
}
