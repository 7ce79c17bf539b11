import { posix } from 'node:path';
import { removeTree } from '../../base/disk.ts';
import type { ContainerDetails } from '../../docker/engine.ts';
import { loadableDumps } from '../../hooks/load/load.ts';
import type { LoadContext, LoadSource } from '../../hooks/load/types.ts';
import { mountOver } from '../../hooks/sqlite/place.ts';
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

/** Removes the database file that came back with its volume: what is loaded then comes from the dump alone. */
export const removeFile = async ({ dump }: LoadSource, details: ContainerDetails): Promise<void> => {
  const path = dump.database ?? '';
  const mount = mountOver(details.mounts, path);
  const name = mount === undefined ? '' : posix.relative(mount.destination, path);
  if (mount === undefined || !/^[^/]/.test(name) || name.split('/').includes('..')) return;
  for (const suffix of ['', '-wal', '-shm', '-journal'])
    await removeTree(posix.join(mount.source, name + suffix));
};
