import type { ContainerMount } from '../../docker/engine.ts';
import type { Need } from '../../stack/order.ts';
import type { Mount, Stack } from '../../stack/types.ts';
import type { PlannedCopy } from '../types.ts';

/** Which copies keep which containers down, and how many wait for each copy. */
export interface Holds {
  /** By container id: names of the mounts that have to be copied before it may come back. */
  readonly of: ReadonlyMap<string, ReadonlySet<string>>;
  /** By mount name: how many containers wait for its copy, also because they need one that does. */
  readonly waiting: ReadonlyMap<string, number>;
}

export interface HoldFacts {
  readonly stack: Pick<Stack, 'containers' | 'mounts'>;
  readonly copies: readonly Pick<PlannedCopy, 'mount'>[];
  /** Ids of the containers that are made quiet. */
  readonly quieted: readonly string[];
  /** Start order among them. */
  readonly needs: readonly Need[];
  /** A host path with its links resolved, as far as that is known from here. */
  readonly real: (path: string) => string;
}

/** Whoever reaches the engine can start anything: it comes back last. */
const socketNames = ['docker.sock', 'containerd.sock', 'podman.sock'];
const socketFolders = ['/run', '/var/run'];

/** Whether a path is a folder, or lies in it. */
export const isBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);

/** Whether one of two paths lies in the other. */
export const meet = (one: string, other: string): boolean => isBelow(one, other) || isBelow(other, one);

/** Where the data of a mount lie: its path, and what a driver mounts there (the option `device` of its volume). */
export const placesOf = (
  source: string,
  device: string | undefined,
  real: HoldFacts['real'],
): readonly string[] =>
  [source, ...(device === undefined ? [] : [device])].filter((place) => place !== '').map(real);

const reachesEngine = ({ type, source }: ContainerMount, real: HoldFacts['real']): boolean =>
  type === 'bind' &&
  (socketNames.some((name) => source.endsWith(`/${name}`)) ||
    socketFolders.some((folder) => isBelow(folder, source) || isBelow(folder, real(source))));

/**
 * What a container can write to, by whichever way: the same mount, one that lies in it or around it, another
 * volume of the same device. Mounts that are not copied themselves count, too: they may lie in one that is.
 */
const heldBy = (
  mounts: readonly ContainerMount[],
  { stack, copies, real }: HoldFacts,
): ReadonlySet<string> => {
  if (mounts.some((mount) => reachesEngine(mount, real)))
    return new Set(copies.map(({ mount }) => mount.name));
  const volumes = new Map(stack.mounts.filter(({ kind }) => kind === 'volume').map((one) => [one.name, one]));
  const writable = mounts
    .filter(({ type, writable: canWrite }) => canWrite && type !== 'tmpfs')
    .map(({ name, source }) => ({
      name,
      places: placesOf(source, name === undefined ? undefined : volumes.get(name)?.options.device, real),
    }));
  const isReached = (mount: Mount): boolean => {
    const places = placesOf(mount.source, mount.options.device, real);
    return writable.some(
      (own) =>
        (mount.kind === 'volume' && own.name === mount.name) ||
        own.places.some((place) => places.some((other) => meet(place, other))),
    );
  };
  return new Set(copies.filter(({ mount }) => isReached(mount)).map(({ mount }) => mount.name));
};

/** All that come back after `id`, itself among them. */
const withDependents = (id: string, needs: readonly Need[]): ReadonlySet<string> => {
  const found = new Set([id]);
  for (const one of found) for (const { from, to } of needs) if (to === one) found.add(from);
  return found;
};

/**
 * What keeps each quieted container down: the copies of everything it can write to. A mount that it only
 * reads does not: it sees there what it saw when the writer had stopped, and changes nothing. Pure.
 */
export const holdsOf = (facts: HoldFacts): Holds => {
  const quieted = new Set(facts.quieted);
  const of = new Map(
    facts.stack.containers
      .filter(({ id }) => quieted.has(id))
      .map(({ id, details }) => [id, heldBy(details.mounts, facts)] as const),
  );
  const waiting = new Map(
    facts.copies.map(({ mount: { name } }) => {
      const held = facts.quieted.filter((id) => of.get(id)?.has(name));
      const all = new Set(held.flatMap((id) => [...withDependents(id, facts.needs)]));
      return [name, all.size] as const;
    }),
  );
  return { of, waiting };
};
