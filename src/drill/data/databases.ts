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

/** A container of the sandbox as a place to load into. Everybody is let in there, so no password is asked for. */
export const contextFor = (
  { task, tools }: Drill,
  { dump }: LoadSource,
  details: ContainerDetails,
): LoadContext => {
  const hook = task.hooks.find(({ name, kind }) => name === dump.hook && kind === dump.kind);
  return {
    engine: tools.engine,
    container: asContainer(dump.service, details),
    hostPaths: tools.info.local,
    hook: hook?.kind === 'postgres' ? withoutPassword(hook) : hook,
    signal: tools.signal,
  };
};

const withoutPassword = <T extends { readonly password?: string }>({ password: _, ...hook }: T) => hook;

/**
 * Removes the database file that came back with its volume: what is loaded then comes from the dump alone. The
 * volume came out of the snapshot: a link in it leads nowhere. Rejects with `hook-failed` when one would.
 */
export const removeFile = async ({ dump }: LoadSource, details: ContainerDetails): Promise<void> => {
  const { host } = await locatePlace(details.mounts, dump.database ?? '');
  await removeSet(host);
};
