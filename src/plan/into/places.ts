import { basename, join } from 'node:path';
import type { ManifestMount } from '../../snapshot/types.ts';
import { composeLabel, singleDollars } from '../../stack/labels.ts';
import type { VolumeSpec } from '../restore/types.ts';
import { fieldsOf, listOf, mapFields, textOf } from './read.ts';
import type { Fields, IntoData, IntoFacts } from './types.ts';

/** A volume of the new project. */
interface Place {
  readonly spec: VolumeSpec;
  readonly mount: ManifestMount | undefined;
}

/** Where everything of a snapshot comes to lie. */
export interface Places {
  /** By their keys in the model. */
  readonly volumes: ReadonlyMap<string, Place>;
  /** Anonymous ones, which get a name: by service and path in the container. */
  readonly anonymous: readonly (Place & {
    readonly key: string;
    readonly service: string;
    readonly target: string;
  })[];
  /** By service and path in the container (`bindKey`), and their paths below the new folder. */
  readonly binds: ReadonlyMap<string, { readonly path: string; readonly mount: ManifestMount }>;
  readonly leftOut: readonly ManifestMount[];
  /** Anonymous volumes of replicas: each container had its own, and no compose file can say which gets which. */
  readonly scattered: readonly ManifestMount[];
  /** Keys whose storage the original names itself: the copy gets a plain volume instead. */
  readonly detached: readonly string[];
}

const plain = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(fieldsOf(value)).map(([key, one]) => [key, singleDollars(String(one))]));

/** What leads to a disk or a server of its own, by options or by its driver: with that two volumes would be one. */
const leadsAway = (raw: Fields): boolean => {
  const options = plain(raw.driver_opts);
  const isLocal = ['', 'local'].includes(textOf(raw.driver));
  return raw.external === true || !isLocal || ['device', 'type', 'o'].some((name) => name in options);
};

const specOf = (project: string, key: string, raw: Fields): VolumeSpec => {
  return {
    name: `${project}_${key}`,
    driver: 'local',
    options: leadsAway(raw) ? {} : plain(raw.driver_opts),
    labels: { ...plain(raw.labels), [composeLabel.project]: project, [composeLabel.volume]: key },
  };
};

/**
 * The copy of a volume of the model: by its own name, or by the key that Compose gave it. A volume from elsewhere
 * may carry the key that it has there.
 */
const mountOf = (mounts: readonly ManifestMount[], key: string, raw: Fields): ManifestMount | undefined => {
  const volumes = mounts.filter(({ kind }) => kind === 'volume');
  const named = volumes.find(({ name }) => name === textOf(raw.name));
  if (named !== undefined || raw.external === true) return named;
  return volumes.find(({ external, labels }) => !external && labels[composeLabel.volume] === key);
};

const volumesOf = ({ project, model, mounts }: IntoFacts): ReadonlyMap<string, Place> => {
  const all = Object.entries(fieldsOf(model.volumes)).map(([key, value]) => {
    const raw = fieldsOf(value);
    return { key, raw, mount: mountOf(mounts, key, raw) };
  });
  return new Map(all.map(({ key, raw, mount }) => [key, { spec: specOf(project, key, raw), mount }]));
};

const isScattered = (mount: ManifestMount, mounts: readonly ManifestMount[]): boolean => {
  const isAt = ({ kind, anonymous, users: [user] }: ManifestMount): boolean =>
    kind === 'volume' &&
    anonymous &&
    user?.service === mount.users[0]?.service &&
    user?.destination === mount.users[0]?.destination;
  return isAt(mount) && mounts.filter(isAt).length > 1;
};

const anonymousOf = ({ project, mounts }: IntoFacts): Places['anonymous'] =>
  mounts
    .filter((mount) => mount.kind === 'volume' && mount.anonymous && !isScattered(mount, mounts))
    .flatMap((mount, at) => {
      const [user] = mount.users;
      const key = `anonymous-${at + 1}`;
      return user === undefined
        ? []
        : [{ key, mount, service: user.service, target: user.destination, spec: specOf(project, key, {}) }];
    });

export const bindKey = (service: string, target: string): string => `${service}\0${target}`;

/** Binds of the model that the snapshot has a copy of. Their host paths say nothing: the files may lie elsewhere. */
const bindsOf = ({ folder, mounts, model }: IntoFacts): Places['binds'] => {
  const used = new Set<string>();
  mapFields(model.services, (name, service) => {
    for (const one of listOf(service.volumes).map(fieldsOf))
      if (one.type === 'bind') used.add(bindKey(name, textOf(one.target)));
  });
  return new Map(
    mounts
      .filter(({ kind }) => kind === 'bind')
      .flatMap((mount) => {
        const path = join(folder, 'data', basename(mount.path).replace(/\.tar\.zst$/, ''));
        const keys = mount.users.map(({ service, destination }) => bindKey(service, destination));
        return keys.filter((key) => used.has(key)).map((key) => [key, { mount, path }] as const);
      }),
  );
};

/** Decides where everything is put. Pure. */
export const placesOf = (facts: IntoFacts): Places => {
  const { mounts, model } = facts;
  const volumes = volumesOf(facts);
  const anonymous = anonymousOf(facts);
  const binds = bindsOf(facts);
  const placed = new Set<ManifestMount | undefined>([
    ...[...volumes.values(), ...anonymous, ...binds.values()].map(({ mount }) => mount),
  ]);
  return {
    volumes,
    anonymous,
    binds,
    leftOut: mounts.filter((mount) => !placed.has(mount) && !isScattered(mount, mounts)),
    scattered: mounts.filter((mount) => isScattered(mount, mounts)),
    detached: [...volumes.keys()].filter((key) => leadsAway(fieldsOf(fieldsOf(model.volumes)[key]))),
  };
};

/** What is put back into what. */
export const dataOf = ({ volumes, anonymous, binds }: Places): readonly IntoData[] => [
  ...[...volumes.values(), ...anonymous].flatMap(({ spec, mount }) =>
    mount === undefined ? [] : [{ mount, to: { kind: 'volume' as const, name: spec.name } }],
  ),
  ...[...new Map([...binds.values()].map((bind) => [bind.path, bind])).values()].map(({ mount, path }) => ({
    mount,
    to: { kind: 'bind' as const, path },
  })),
];
