import type { ContainerMount, RunningContainer, VolumeDetails } from '../docker/engine.ts';
import { composeLabel } from './labels.ts';
import type { Mount, SkippedMount, StackContainer } from './types.ts';

/** What `lstat` says of a bind's host path; `unknown` when the engine is elsewhere. */
export type PathKind = 'dir' | 'file' | 'socket' | 'device' | 'missing' | 'unknown';

export interface MountFacts {
  readonly project: string;
  readonly containers: readonly StackContainer[];
  /** Everything that runs on the engine, to find who else writes. */
  readonly running: readonly RunningContainer[];
  readonly volumes: ReadonlyMap<string, VolumeDetails>;
  readonly kinds: ReadonlyMap<string, PathKind>;
  /** Host paths that can be read from here. */
  readonly readable: ReadonlySet<string>;
}

/** Host folders that belong to the system, not to a stack. */
const systemFolders = [
  '/boot',
  '/dev',
  '/etc',
  '/proc',
  '/run',
  '/sys',
  '/var/run',
  '/var/lib/docker',
  '/usr',
  '/lib',
];

const isSystem = (path: string): boolean =>
  path === '/' || systemFolders.some((folder) => path === folder || path.startsWith(`${folder}/`));

const anonymousName = /^[0-9a-f]{64}$/;

interface Use {
  readonly container: StackContainer;
  readonly mount: ContainerMount;
}

/** Same volume name or same host path = the same data, however many containers mount it. */
const keyOf = (mount: ContainerMount): string =>
  mount.type === 'tmpfs'
    ? `tmpfs:${mount.destination}`
    : mount.type === 'volume'
      ? `volume:${mount.name ?? mount.source}`
      : `${mount.type}:${mount.source}`;

const grouped = (containers: readonly StackContainer[]): Use[][] => {
  const uses = containers.flatMap((container) =>
    container.details.mounts.map((mount) => ({ container, mount })),
  );
  return [...Map.groupBy(uses, (use) => keyOf(use.mount)).values()];
};

/** Whether a volume is a file system in memory: made when the first starts that uses it, gone with the last. */
export const isInMemory = ({ driver, options }: Pick<VolumeDetails, 'driver' | 'options'>): boolean =>
  driver === 'local' && ['tmpfs', 'ramfs'].includes(options.type ?? '');

const memoryReason = 'a volume in memory: gone at every stop';

/** Why a mount holds nothing to keep, or undefined when it does. */
const skipReason = (
  uses: readonly Use[],
  kind: PathKind,
  volume: VolumeDetails | undefined,
): string | undefined => {
  const { type, source } = (uses[0] as Use).mount;
  if (type === 'volume') return volume !== undefined && isInMemory(volume) ? memoryReason : undefined;
  if (type !== 'bind')
    return type === 'tmpfs' ? 'tmpfs: in memory only, gone at every stop' : `${type} mount: not data`;
  if (kind === 'socket' || (kind === 'unknown' && source.endsWith('.sock'))) return 'a socket, not data';
  if (kind === 'device') return 'a device, not data';
  if (isSystem(source)) return 'a folder of the system, not of the stack';
  if (!uses.some((use) => use.mount.writable)) return 'a read-only bind: no service can change it';
  return undefined;
};

const strangersTo = (uses: readonly Use[], facts: MountFacts): string[] => {
  const ours = new Set(facts.containers.map((container) => container.id));
  const key = keyOf((uses[0] as Use).mount);
  return facts.running
    .filter((other) => !ours.has(other.id))
    .filter((other) => other.mounts.some((mount) => mount.writable && keyOf(mount) === key))
    .map((other) => other.name);
};

/**
 * A `local` volume with options (`o=bind`, NFS, a device) is mounted by the driver while a container uses
 * it and empty afterwards; other drivers promise nothing about the host at all.
 */
const isPlain = (volume: VolumeDetails): boolean =>
  volume.driver === 'local' &&
  !('device' in volume.options) &&
  !('type' in volume.options) &&
  !('o' in volume.options);

const isOnHost = (source: string, volume: VolumeDetails | undefined, facts: MountFacts): boolean =>
  facts.readable.has(source) && (volume === undefined || isPlain(volume));

const mountOf = (uses: readonly Use[], facts: MountFacts): Mount => {
  const { type, name, source, driver } = (uses[0] as Use).mount;
  const volume = type === 'volume' ? facts.volumes.get(name ?? '') : undefined;
  const anonymous = type === 'volume' && anonymousName.test(name ?? '');
  return {
    kind: type === 'volume' ? 'volume' : 'bind',
    name: type === 'volume' ? (name ?? source) : source,
    source: volume?.mountpoint || source,
    anonymous,
    external: type === 'volume' && !anonymous && volume?.labels[composeLabel.project] !== facts.project,
    onHost: isOnHost(volume?.mountpoint || source, volume, facts),
    driver: volume?.driver ?? driver ?? '',
    options: volume?.options ?? {},
    labels: volume?.labels ?? {},
    users: uses.map(({ container, mount }) => ({
      container: container.id,
      service: container.service,
      destination: mount.destination,
      writable: mount.writable,
    })),
    strangers: strangersTo(uses, facts),
  };
};

/** Volumes of the project that no container mounts now: of inactive profiles, or of services that are gone. */
const unmounted = (facts: MountFacts, mounted: ReadonlySet<string>): Mount[] =>
  [...facts.volumes.values()]
    .filter((volume) => !mounted.has(volume.name) && !isInMemory(volume))
    .map((volume) => ({
      kind: 'volume',
      name: volume.name,
      source: volume.mountpoint,
      anonymous: false,
      external: false,
      onHost: isOnHost(volume.mountpoint, volume, facts),
      driver: volume.driver,
      options: volume.options,
      labels: volume.labels,
      users: [],
      strangers: facts.running
        .filter((other) => other.mounts.some((mount) => mount.writable && mount.name === volume.name))
        .map((other) => other.name),
    }));

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/**
 * The persistent mounts of a stack, once each however many services share them, and what is left out with
 * the reason. Volumes come first, then binds; each by name.
 */
export const mountsOf = (
  facts: MountFacts,
): { mounts: readonly Mount[]; skipped: readonly SkippedMount[] } => {
  const mounts: Mount[] = [];
  const skipped: SkippedMount[] = [];
  for (const uses of grouped(facts.containers)) {
    const first = (uses[0] as Use).mount;
    const volume = first.type === 'volume' ? facts.volumes.get(first.name ?? '') : undefined;
    const reason = skipReason(uses, facts.kinds.get(first.source) ?? 'unknown', volume);
    if (reason === undefined) mounts.push(mountOf(uses, facts));
    else
      skipped.push({
        kind: first.type,
        name: first.type === 'tmpfs' ? first.destination : (first.name ?? first.source),
        services: [...new Set(uses.map((use) => use.container.service))],
        reason,
      });
  }
  mounts.push(
    ...unmounted(facts, new Set(mounts.filter((one) => one.kind === 'volume').map((one) => one.name))),
  );
  const volumes = mounts.filter((one) => one.kind === 'volume').sort(byName);
  const binds = mounts.filter((one) => one.kind === 'bind').sort(byName);
  return { mounts: [...volumes, ...binds], skipped: skipped.sort(byName) };
};
