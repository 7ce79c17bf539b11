import { existsSync } from 'node:fs';
import type { Instance } from '../config/types.ts';
import type { VolumeDetails } from '../docker/engine.ts';
import { composeLabel, singleDollars } from './labels.ts';
import { modelOf } from './model.ts';
import type { StackContainer } from './types.ts';

/** A volume that the compose files name, by the name it has on the engine. */
interface DeclaredVolume extends Omit<VolumeDetails, 'mountpoint'> {
  /** Somebody else makes it. */
  readonly external: boolean;
}

/** What today's compose files say of mounts. */
export interface Declared {
  readonly volumes: ReadonlyMap<string, DeclaredVolume>;
  /** Host paths of binds that a service can write to. */
  readonly binds: ReadonlySet<string>;
}

interface RawVolume {
  readonly name?: string;
  readonly driver?: string;
  readonly driver_opts?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly external?: boolean;
}

interface RawService {
  readonly volumes?: readonly {
    readonly type?: string;
    readonly source?: string;
    readonly read_only?: boolean;
  }[];
}

interface RawModel {
  readonly services?: Readonly<Record<string, RawService>>;
  readonly volumes?: Readonly<Record<string, RawVolume | null>>;
}

const plain = (values: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, singleDollars(String(value))]));

/**
 * What Compose would make of a volume. Its `config-hash` label is left out: without it Compose takes the
 * volume as it is, with one of another version of the file it would offer to make it anew, and empty.
 */
const declaredVolume = (project: string, key: string, raw: RawVolume): DeclaredVolume => ({
  name: raw.name ?? `${project}_${key}`,
  driver: raw.driver ?? 'local',
  options: plain(raw.driver_opts),
  labels:
    raw.external === true
      ? {}
      : { ...plain(raw.labels), [composeLabel.project]: project, [composeLabel.volume]: key },
  external: raw.external === true,
});

/** The mounts of a resolved model. Pure. */
const declaredIn = (project: string, model: unknown): Declared => {
  const { volumes = {}, services = {} } = (model ?? {}) as RawModel;
  const all = Object.entries(volumes).map(([key, raw]) => declaredVolume(project, key, raw ?? {}));
  const mounts = Object.values(services).flatMap((service) => service.volumes ?? []);
  return {
    volumes: new Map(all.map((volume) => [volume.name, volume])),
    binds: new Set(
      mounts.flatMap((mount) =>
        mount.type === 'bind' && mount.read_only !== true && mount.source !== undefined
          ? [singleDollars(mount.source)]
          : [],
      ),
    ),
  };
};

/** What the compose files of an instance say today; undefined when they cannot be read. */
export const declaredMounts = async (
  instance: Instance,
  containers: readonly StackContainer[],
): Promise<Declared | undefined> => {
  const { model } = await modelOf(instance, containers);
  return model === undefined ? undefined : declaredIn(instance.project, model);
};

/**
 * The same of compose files that a snapshot of this machine was made with, where nothing else names any: containers
 * did, and are gone. Undefined when they are gone, too, or cannot be read.
 */
export const declaredBefore = async (
  instance: Instance,
  composeFiles: readonly string[],
): Promise<Declared | undefined> => {
  if (composeFiles.length === 0 || !composeFiles.every((file) => existsSync(file))) return undefined;
  return declaredMounts({ ...instance, composeFiles }, []).catch(() => undefined);
};
