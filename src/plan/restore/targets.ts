import type { ManifestMount } from '../../snapshot/types.ts';
import { isInMemory } from '../../stack/mounts.ts';
import type { Mount } from '../../stack/types.ts';
import type { ChosenMount } from './choose.ts';
import { described, specOf } from './made/gone.ts';
import { isWritableHere, type Target, throughEngine } from './through.ts';
import type { RestoreFacts } from './types.ts';

const leftOut = ({ kind, name }: ManifestMount, reason: string): Target => ({
  leftOut: { kind, name, reason },
});

/** A volume nobody named has another name today, and is found by who has it where. */
const anonymousToday = (
  { mounts }: RestoreFacts['stack'],
  mount: ManifestMount,
  taken: ReadonlySet<string>,
): Mount | undefined =>
  mounts.find(
    (one) =>
      one.anonymous &&
      !taken.has(one.name) &&
      one.users.some((now) =>
        mount.users.some((then) => then.service === now.service && then.destination === now.destination),
      ),
  );

const made = (facts: RestoreFacts, { mount, paths }: ChosenMount): Target => {
  const create = specOf(facts, mount);
  if (typeof create === 'string') return { refusal: create };
  const isPlain = create.driver === 'local' && Object.keys(create.options).length === 0;
  const method = facts.local && isPlain && facts.instance.copy !== 'api' ? 'host' : 'api';
  return {
    putBack: {
      mount,
      kind: 'volume',
      name: mount.name,
      source: '',
      method,
      create,
      ...(paths === undefined ? {} : { paths }),
      reason: isPlain ? 'it is gone, and made again' : `it is gone, and made again with ${described(create)}`,
    },
  };
};

const intoWhatIsThere = (facts: RestoreFacts, chosen: ChosenMount, now: Mount): Target => {
  const isReachable = isWritableHere(now, facts.writable);
  const isFree = now.kind === 'volume' && now.users.length === 0 && facts.instance.copy === 'api';
  if (!isReachable || (isFree && chosen.paths === undefined)) return throughEngine(facts, chosen, now);
  return {
    putBack: {
      mount: chosen.mount,
      kind: now.kind,
      name: now.name,
      source: now.source,
      method: 'host',
      ...(chosen.paths === undefined ? {} : { paths: chosen.paths }),
      reason:
        now.name === chosen.mount.name
          ? 'its host path can be written'
          : `it was ${chosen.mount.name.slice(0, 12)}…`,
    },
  };
};

const volumeTarget = (facts: RestoreFacts, chosen: ChosenMount, taken: ReadonlySet<string>): Target => {
  const { mount } = chosen;
  const declaredNow = facts.declared?.volumes.get(mount.name);
  if ([mount, ...(declaredNow === undefined ? [] : [declaredNow])].some(isInMemory))
    return leftOut(mount, 'it lies in memory, and what is put there is gone at every stop');
  const now =
    facts.stack.mounts.find((one) => one.kind === 'volume' && one.name === mount.name) ??
    (mount.anonymous ? anonymousToday(facts.stack, mount, taken) : undefined);
  if (now !== undefined) return intoWhatIsThere(facts, chosen, now);
  if (mount.anonymous)
    return leftOut(mount, 'nobody named it, and no container has one in its place: `up` makes a new one');
  const there = facts.volumes.get(mount.name);
  if (there === undefined) return made(facts, chosen);
  const declared = facts.declared?.volumes.get(mount.name);
  if (declared === undefined)
    return {
      refusal: `the volume ${mount.name} is there, but nothing says that it belongs to ${facts.instance.project}: no container of it and no compose file that can be read here has it`,
    };
  const { driver, options, labels, mountpoint: source } = there;
  const isPlain = driver === 'local' && Object.keys(options).length === 0;
  const onHost = facts.local && isPlain;
  const asMount = {
    kind: 'volume',
    name: mount.name,
    source,
    anonymous: false,
    external: true,
    onHost,
  } as const;
  return intoWhatIsThere(facts, chosen, { ...asMount, driver, options, labels, users: [], strangers: [] });
};

/** A bind that no container has now, but the compose files name. */
const declaredBind = ({ writable }: RestoreFacts, { name }: ManifestMount): Mount => ({
  kind: 'bind',
  name,
  source: name,
  anonymous: false,
  external: false,
  onHost: writable.has(name),
  driver: '',
  options: {},
  labels: {},
  users: [],
  strangers: [],
});

/** A path of the host comes out of a manifest: only one that the stack has today is written to. */
const bindTarget = (facts: RestoreFacts, chosen: ChosenMount): Target => {
  const { mount } = chosen;
  const now = facts.stack.mounts.find((one) => one.kind === 'bind' && one.source === mount.name);
  const isNamed = now !== undefined || facts.declared?.binds.has(mount.name) === true;
  if (!isNamed)
    return {
      refusal: `${mount.name} is a path of the host that ${facts.instance.project} does not mount today`,
    };
  if (!facts.local) return { refusal: `${mount.name} lies on the host of the engine, which is another one` };
  if (!facts.missing.has(mount.name))
    return intoWhatIsThere(facts, chosen, now ?? declaredBind(facts, mount));
  return {
    putBack: {
      mount,
      kind: 'bind',
      name: mount.name,
      source: mount.name,
      method: 'host',
      isMissing: true,
      ...(chosen.paths === undefined ? {} : { paths: chosen.paths }),
      reason: 'it is gone: a path that the compose files name',
    },
  };
};

/** Where mounts of a snapshot are put back today, each into another one. Pure. */
export const targetsOf = (facts: RestoreFacts, all: readonly ChosenMount[]): readonly Target[] => {
  // One that still has its name is not taken by a replica's that has not.
  const taken = new Set(all.map(({ mount }) => mount.name));
  return all.map((chosen) => {
    const target =
      chosen.mount.kind === 'volume' ? volumeTarget(facts, chosen, taken) : bindTarget(facts, chosen);
    if ('putBack' in target) taken.add(target.putBack.name);
    return target;
  });
};
