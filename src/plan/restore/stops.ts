import type { ContainerMount } from '../../docker/engine.ts';
import type { Manifest } from '../../snapshot/types.ts';
import { orderOf } from '../../stack/order.ts';
import type { Edge, Stack, StackContainer } from '../../stack/types.ts';
import { isBelow, meet, placesOf } from '../mounts/holds.ts';
import type { PlannedContainer, UntouchedContainer } from '../types.ts';

/** Data that is overwritten: by what containers call it, and where it lies. */
export interface Overwritten {
  readonly kind: 'volume' | 'bind';
  readonly name: string;
  /** Host path of a volume, empty for one that is yet to be made. */
  readonly source: string;
}

/** What is known of paths and volumes of the engine's host, whoever's they are. */
export interface Reach {
  /** Host paths with their links resolved, as far as that is known. */
  readonly real: ReadonlyMap<string, string>;
  /** What drivers mount as a volume (the option `device`), by its name. */
  readonly devices: ReadonlyMap<string, string>;
}

export interface StopDecisions {
  readonly stopWaves: readonly (readonly PlannedContainer[])[];
  readonly untouched: readonly UntouchedContainer[];
  readonly revived: readonly string[];
  readonly refusals: readonly string[];
}

const isUp = ({ details: { state } }: StackContainer): boolean =>
  state === 'running' || state === 'restarting' || state === 'paused';

/**
 * Whether data lies where a container has something mounted: the same, inside of it, or around it. A mount around
 * the folder in which the engine keeps a volume does not count: those of tools that look after the whole host do so.
 */
const isReached = (
  { kind, name, source }: Overwritten,
  mount: ContainerMount,
  { real, devices }: Reach,
): boolean => {
  if (mount.type === 'tmpfs') return false;
  if (kind === 'volume' && mount.type === 'volume' && mount.name === name) return true;
  const find = (path: string): string => real.get(path) ?? path;
  const places = placesOf(mount.source, mount.name === undefined ? undefined : devices.get(mount.name), find);
  const [device] = placesOf('', kind === 'volume' ? devices.get(name) : name, find);
  return places.some(
    (place) =>
      (device?.includes('/') === true && meet(place, device)) ||
      (kind === 'volume' && source !== '' && isBelow(place, find(source))),
  );
};

/** The first of these that a container has mounted: read-only as well, it would read what is half written. */
export const usedBy = (
  { details }: StackContainer,
  overwritten: readonly Overwritten[],
  reach: Reach,
): Overwritten | undefined =>
  overwritten.find((one) => details.mounts.some((mount) => isReached(one, mount, reach)));

const isOneShot = (container: StackContainer, edges: readonly Edge[]): boolean =>
  container.oneOff ||
  edges.some((edge) => edge.to === container.id && edge.condition === 'service_completed_successfully');

/** Why each container has to be quiet: it uses the data, or needs (or shares a namespace with) one that is stopped. */
const reasonsOf = (
  { containers, edges }: Stack,
  overwritten: readonly Overwritten[],
  reach: Reach,
): ReadonlyMap<string, { readonly reason: string; readonly isUser: boolean }> => {
  const reasons = new Map<string, { readonly reason: string; readonly isUser: boolean }>();
  for (const container of containers) {
    const used = usedBy(container, overwritten, reach);
    if (used !== undefined) reasons.set(container.id, { reason: `uses ${used.name}`, isUser: true });
  }
  const nameOf = new Map(containers.map(({ id, name }) => [id, name]));
  const next = [...reasons.keys()];
  for (let id = next.pop(); id !== undefined; id = next.pop())
    for (const { from } of edges.filter((edge) => edge.to === id)) {
      if (reasons.has(from)) continue;
      reasons.set(from, { reason: `needs ${nameOf.get(id) ?? id}, which is stopped`, isUser: false });
      next.push(from);
    }
  return reasons;
};

/** Exit codes of a container that somebody stopped: by itself, by INT, KILL or TERM. */
const stoppedCodes = [0, 130, 137, 143];

/** It ran when the snapshot was taken, and has died since: of the damage, as far as anybody can tell. */
const hasCrashed = ({ service, details }: StackContainer, manifest: Manifest): boolean =>
  details.state === 'exited' &&
  !stoppedCodes.includes(details.exitCode) &&
  manifest.containers.some((one) => one.service === service && one.stateBefore === 'running');

const wasHealthy = ({ service }: StackContainer, manifest: Manifest): boolean =>
  manifest.containers.some((one) => one.service === service && one.healthBefore === 'healthy');

/**
 * Which containers are stopped, in which waves, which stay as they are, and which stand in the way. Whatever
 * the configuration says of quiescing: who uses data that is replaced is stopped. What was frozen is frozen
 * again afterwards. Pure.
 */
export const decideStops = (
  stack: Stack,
  manifest: Manifest,
  overwritten: readonly Overwritten[],
  reach: Reach,
): StopDecisions => {
  const reasons = reasonsOf(stack, overwritten, reach);
  const refusals: string[] = [];
  const revived: string[] = [];
  const planned = (container: StackContainer): readonly PlannedContainer[] => {
    const { id, name, service, details } = container;
    const found = reasons.get(id);
    if (found === undefined) return [];
    const { isUser, reason } = found;
    const isCrashed = isUser && hasCrashed(container, manifest);
    if (!isUp(container) && !isCrashed) return [];
    if (isCrashed) revived.push(id);
    const isFragile = details.autoRemove || (isOneShot(container, stack.edges) && isUp(container));
    if (isFragile && isUser) {
      const why = details.autoRemove
        ? 'it would be removed by a stop (--rm)'
        : 'it is a one-shot under way: starting it again would run it anew';
      refusals.push(`${name} ${reason}, and ${why}: wait for its end, or end it`);
      return [];
    }
    if (!isUser && details.state === 'paused') return [];
    const { state } = details;
    return [
      {
        id,
        name,
        service,
        action: isFragile ? 'pause' : 'stop',
        stateBefore: state === 'paused' || state === 'restarting' ? state : 'running',
        awaitHealth: state !== 'paused' && (details.health === 'healthy' || wasHealthy(container, manifest)),
        reason: isCrashed
          ? `${reason}; has crashed (exit ${details.exitCode}) and is started afterwards`
          : reason,
      },
    ];
  };
  const byId = new Map(stack.containers.map((container) => [container.id, container]));
  const { waves } = orderOf([...byId.keys()], stack.edges);
  const stopWaves = waves
    .toReversed()
    .map((wave) => wave.flatMap((id) => planned(byId.get(id) as StackContainer)))
    .filter((wave) => wave.length > 0);
  const taken = new Set(stopWaves.flat().map(({ id }) => id));
  const untouched = stack.containers.flatMap(({ id, name, service, details }) =>
    taken.has(id)
      ? []
      : [
          {
            id,
            name,
            service,
            state: details.state,
            reason: isUp(byId.get(id) as StackContainer)
              ? 'has nothing to do with it'
              : 'not running; stays so',
          },
        ],
  );
  return { stopWaves, untouched, revived, refusals };
};
