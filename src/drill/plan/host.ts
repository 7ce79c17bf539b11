import { lstat } from 'node:fs/promises';
import { measure } from '../../copy/walk.ts';
import { fieldsOf, listOf, servicesOf, textOf, withSingleDollars } from '../model/read.ts';
import type { SandboxService } from '../model/types.ts';
import type { Drill } from '../task.ts';
import type { HostKind } from './types.ts';

/** What a drill would copy of this host, by path. */
export interface HostPaths {
  readonly kinds: ReadonlyMap<string, HostKind>;
  /** Of files and folders that are copied. */
  readonly bytes: ReadonlyMap<string, number>;
}

/** Folders of the host itself, with all that lies in them: watchers of machines mount them. */
const ofSystem = ['/boot', '/dev', '/lib/modules', '/proc', '/run', '/sys', '/var/lib/docker', '/var/run'];
/** Those that hold the whole of it: what lies in them may be a stack's. */
const wholes = ['/', '/etc', '/home', '/root', '/usr', '/var', '/var/lib', '/var/log'];

const isSystem = (path: string): boolean =>
  wholes.includes(path) || ofSystem.some((folder) => path === folder || path.startsWith(`${folder}/`));

/** More is some library of media, not what a service needs to start. Bytes. */
const most = 1024 ** 3;

const lookAt = async (path: string, signal: AbortSignal): Promise<[HostKind, number]> => {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return ['missing', 0];
  if (!stats.isFile() && !stats.isDirectory()) return ['other', 0];
  if (stats.isDirectory() && isSystem(path)) return ['system', 0];
  const bytes = stats.isFile() ? stats.size : (await measure(path, { signal })).bytes;
  if (bytes > most) return ['large', bytes];
  return [stats.isFile() ? 'file' : 'dir', bytes];
};

/** Paths that services of a model mount read-only, and files that it gives them. */
const pathsOf = ({ task }: Drill, taking: readonly SandboxService[]): readonly string[] => {
  const model = withSingleDollars(task.source.model);
  const services = servicesOf(model);
  const binds = taking
    .flatMap(({ name }) => listOf(services.get(name)?.volumes).map(fieldsOf))
    .filter(({ type, read_only }) => type === 'bind' && read_only === true)
    .map(({ source }) => textOf(source));
  const given = (['configs', 'secrets'] as const)
    .flatMap((key) => Object.values(fieldsOf(fieldsOf(model)[key])))
    .map((about) => textOf(fieldsOf(about).file));
  return [...new Set([...binds, ...given])].filter((path) => path?.startsWith('/') === true) as string[];
};

/** Looks at the paths of this host that a drill may copy; at none for a model that is not trusted. */
export const hostPathsOf = async (drill: Drill, taking: readonly SandboxService[]): Promise<HostPaths> => {
  const { task, tools } = drill;
  const kinds = new Map<string, HostKind>();
  const bytes = new Map<string, number>();
  if (!task.source.isTrusted || !tools.info.local) return { kinds, bytes };
  const had = new Set(task.manifest.mounts.map(({ name }) => name));
  for (const path of pathsOf(drill, taking).filter((one) => !had.has(one))) {
    const [kind, size] = await lookAt(path, tools.signal);
    kinds.set(path, kind);
    bytes.set(path, size);
  }
  return { kinds, bytes };
};
