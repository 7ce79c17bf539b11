import { StackBackupError } from '../../base/errors.ts';
import type { Manifest, ManifestDump } from '../../snapshot/types.ts';
import { sqliteEngineLoad } from './engine/sqlite.ts';
import { postgresLoad } from './postgres.ts';
import { sqliteLoad } from './sqlite.ts';
import type {
  CountedRows,
  LoadContext,
  LoadKind,
  LoadPlan,
  LoadPreview,
  LoadSource,
  LoadState,
} from './types.ts';

const kinds: Readonly<Record<LoadPlan['kind'], unknown>> = {
  postgres: postgresLoad,
  sqlite: sqliteLoad,
  'sqlite-engine': sqliteEngineLoad,
};

const kindOf = ({ kind }: Pick<LoadPlan, 'kind'>): LoadKind => kinds[kind] as LoadKind;

/** A file that only the engine reaches is written through it, where that may be. */
const wayOf = ({ hostPaths, throughEngine }: LoadContext, kind: LoadPlan['kind']): LoadPlan['kind'] =>
  kind === 'sqlite' && !hostPaths && throughEngine === true ? 'sqlite-engine' : kind;

/** Whether `loadDump` knows what to do with a dump: a database in PostgreSQL's custom format, or an SQLite file. */
const isLoadable = ({ kind, format }: ManifestDump): boolean =>
  (kind === 'postgres' && format === 'pg_dump custom') || (kind === 'sqlite' && format === 'sqlite');

/** Every dump of a snapshot that can be loaded, in the order of the manifest. `folder` is the snapshot's. */
export const loadableDumps = (folder: string, manifest: Pick<Manifest, 'dumps'>): readonly LoadSource[] =>
  manifest.dumps.filter(isLoadable).map((dump) => ({
    folder,
    dump,
    globals: manifest.dumps.find(
      ({ hook, service, format }) =>
        hook === dump.hook && service === dump.service && format === 'pg_dumpall globals',
    ),
  }));

/**
 * What loading a dump will do, and how many rows there are now and in the dump. Changes nothing. `token`
 * makes names: lower-case letters, digits and `_`, at most 30, another for every restore.
 */
export const planLoad = async (
  context: LoadContext,
  source: LoadSource,
  token: string,
): Promise<LoadPreview> => {
  if (!isLoadable(source.dump) || !/^[a-z0-9_]{1,30}$/.test(token))
    throw new StackBackupError('internal', `${source.dump.path} is no dump that can be loaded`);
  return kindOf({ kind: wayOf(context, source.dump.kind as LoadPlan['kind']) }).preview(
    context,
    source,
    token,
  );
};

/**
 * Loads a dump beside the live database and proves it against the manifest. Nothing that uses the database
 * sees anything of it, and after a failure all is as it was but for what `undoLoad` removes.
 */
export const loadDump = (context: LoadContext, plan: LoadPlan): Promise<void> =>
  kindOf(plan).load(context, plan);

/** Puts what was loaded in the old database's place and keeps the old one under `plan.kept`. All or nothing. */
export const swapLoad = (context: LoadContext, plan: LoadPlan): Promise<void> =>
  kindOf(plan).swap(context, plan);

/** Removes the old database. From here on nothing can be undone. */
export const settleLoad = (context: LoadContext, plan: LoadPlan): Promise<void> =>
  kindOf(plan).settle(context, plan);

/** Puts the old database back and removes what was loaded, however far it had come. */
export const undoLoad = (context: LoadContext, plan: LoadPlan): Promise<void> =>
  kindOf(plan).undo(context, plan);

/** How far a load has come. */
export const loadStateOf = (context: LoadContext, plan: LoadPlan): Promise<LoadState> =>
  kindOf(plan).state(context, plan);

/** The rows of every table of the live database that a dump is of. */
export const liveRows = (
  context: LoadContext,
  { kind, database = '' }: Pick<ManifestDump, 'kind' | 'database'>,
): Promise<readonly CountedRows[]> => kindOf({ kind: kind as LoadPlan['kind'] }).rows(context, database);
