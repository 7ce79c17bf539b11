import type { HookConfig } from '../../config/types.ts';
import type { ContainerDetails } from '../../docker/engine.ts';
import { loadableDumps } from '../../hooks/load/load.ts';
import { removeSet } from '../../hooks/load/sqlite-files.ts';
import type { LoadContext, LoadSource } from '../../hooks/load/types.ts';
import { locatePlace } from '../../hooks/sqlite/place.ts';
import { asContainer } from '../sandbox/container.ts';
import type { Drill } from '../task.ts';

/** Dumps of the services that take part, by kind. */
export const dumpsOf = (
  { task }: Drill,
  kind: 'postgres' | 'sqlite',
  services: ReadonlySet<string>,
): readonly LoadSource[] =>
  loadableDumps(task.folder, task.manifest).filter(
    ({ dump }) => dump.kind === kind && services.has(dump.service),
  );

const contextOf = (
  { tools }: Drill,
  service: string,
  hook: HookConfig | undefined,
  details: ContainerDetails,
): LoadContext => ({
  engine: tools.engine,
  container: asContainer(service, details),
  hostPaths: tools.info.local,
  hook: hook?.kind === 'postgres' ? withoutPassword(hook) : hook,
  settled: true,
  signal: tools.signal,
});

/**
 * A container of the sandbox as a place to load into. Everybody is let in there, so no password is asked for;
 * SQLite files are loaded and counted before anything is started.
 */
export const contextFor = (drill: Drill, { dump }: LoadSource, details: ContainerDetails): LoadContext => {
  const hook = drill.task.hooks.find(({ name, kind }) => name === dump.hook && kind === dump.kind);
  return contextOf(drill, dump.service, hook, details);
};

/** The same of a PostgreSQL server that is asked; undefined where nothing is asked of one. */
export const askedServer = (
  drill: Drill,
  service: string,
  details: ContainerDetails,
): LoadContext | undefined => {
  const [source] = dumpsOf(drill, 'postgres', new Set([service]));
  if (source !== undefined) return contextFor(drill, source, details);
  const { checks, hooks } = drill.task;
  if (!checks.some((check) => check.kind === 'postgres' && check.service === service)) return undefined;
  const hook = hooks.find((one) => one.kind === 'postgres' && one.service === service);
  return contextOf(drill, service, hook, details);
};

/** Everybody is let in, and the original's password is none of the sandbox's. */
export const withoutPassword = <T extends { readonly password?: string }>({ password: _, ...hook }: T) =>
  hook;

/**
 * Removes the database file that came back with its volume: what is loaded then comes from the dump alone. The
 * volume came out of the snapshot: a link in it leads nowhere. Rejects with `hook-failed` when one would.
 */
export const removeFile = async ({ dump }: LoadSource, details: ContainerDetails): Promise<void> => {
  const { host } = await locatePlace(details.mounts, dump.database ?? '');
  await removeSet(host);
};
