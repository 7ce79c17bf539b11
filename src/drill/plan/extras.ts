import { basename } from 'node:path';
import { isSecretName } from '../../stack/redact.ts';
import { fieldsOf, listOf, textOf } from '../model/read.ts';
import { allows, type SecretsAllowed, throwAway } from '../model/secrets.ts';
import type { Fields, Json, SandboxMount } from '../model/types.ts';
import type { DataPlanMaker } from './maker.ts';
import type { DataFacts, HostKind } from './types.ts';

/** How what is secret is treated. */
export interface Secrecy {
  readonly allowed: SecretsAllowed;
  readonly key: Buffer;
}

interface Extra {
  readonly service: string;
  readonly destination: string;
  readonly source: string;
}

const isAbsolute = (path: string | undefined): path is string =>
  path !== undefined && /^\/[^\0]*$/.test(path);

/** A file or folder is secret when it, or where it is mounted, is called like one. */
const isSecretFile = ({ source, destination }: Extra): boolean =>
  isSecretName(basename(source)) ||
  isSecretName(basename(destination)) ||
  destination.startsWith('/run/secrets/');

/** A file that holds a value to throw away: the same one for the same secret. */
const throwAwayFile = (maker: DataPlanMaker, name: string, { key }: Secrecy) =>
  maker.once(`secret:${name}`, () => {
    const file = maker.file();
    maker.files.push({ path: file.path, from: { kind: 'text', text: throwAway(key, name) } });
    return file;
  });

const hostFile = (maker: DataPlanMaker, path: string) =>
  maker.once(`host:${path}`, () => {
    const file = maker.file();
    maker.files.push({ path: file.path, from: { kind: 'host', path } });
    return file;
  });

const hostFolder = (maker: DataPlanMaker, path: string) =>
  maker.once(`host:${path}`, () => {
    const volume = maker.volume();
    maker.folders.push({ volume: volume.name, path });
    return volume;
  });

const whyNot: Readonly<Partial<Record<HostKind, string>>> = {
  missing: 'nobody has it',
  other: 'it is neither file nor folder',
  system: 'it belongs to the system',
  large: 'it is too large to be copied for a drill',
};

/** A bind that the snapshot has no copy of: read-only, so it is taken from this host, where that is trusted. */
const addBind = (maker: DataPlanMaker, extra: Extra, facts: DataFacts, secrecy: Secrecy): void => {
  const { service, destination, source } = extra;
  const kind = facts.host.get(source);
  const add = (from: SandboxMount['from']): void =>
    void maker.mounts.push({ service, destination, writable: false, from });
  const hidden = isSecretFile(extra) && !allows(secrecy.allowed, basename(source));
  if (kind === 'file' && hidden) add(throwAwayFile(maker, source, secrecy));
  else if (kind === 'file') add(hostFile(maker, source));
  else if (kind === 'dir' && !hidden) add(hostFolder(maker, source));
  else {
    const why = hidden ? 'it is secret' : whyNot[kind ?? 'missing'];
    maker.observations.push(`${service} ran without ${destination}, which no snapshot has: ${why}`);
    return;
  }
  if (!hidden)
    maker.observations.push(
      `${destination} of ${service} is in no snapshot (read-only): it was taken from this host`,
    );
};

const addVolume = (maker: DataPlanMaker, extra: Extra, writable: boolean): void => {
  const { service, destination, source } = extra;
  const from = maker.once(`volume:${source}`, () => {
    const volume = maker.volume();
    maker.empty.push(volume.name);
    maker.observations.push(`${source} (${destination} of ${service}) is not in the snapshot: it was empty`);
    return volume;
  });
  maker.mounts.push({ service, destination, writable, from });
};

/** Volumes and binds of the model that the snapshot has no copy of. */
export const addMounts = (
  maker: DataPlanMaker,
  name: string,
  service: Fields,
  facts: DataFacts,
  secrecy: Secrecy,
): void => {
  for (const volume of listOf(service.volumes).map(fieldsOf)) {
    const destination = textOf(volume.target);
    const source = textOf(volume.source);
    if (!isAbsolute(destination) || source === undefined || maker.covers(name, destination)) continue;
    const extra = { service: name, destination, source };
    const readOnly = volume.read_only === true;
    if (volume.type === 'volume') addVolume(maker, extra, !readOnly);
    else if (volume.type === 'bind' && readOnly) addBind(maker, extra, facts, secrecy);
    else if (volume.type === 'bind')
      maker.observations.push(`${name} ran without ${destination}, which is not in the snapshot`);
  }
};

/** Configs and secrets of Compose: files that it puts into containers. */
export const addGiven = (
  maker: DataPlanMaker,
  name: string,
  service: Fields,
  model: Json,
  facts: DataFacts,
  secrecy: Secrecy,
): void => {
  for (const kind of ['configs', 'secrets'] as const) {
    for (const given of listOf(service[kind]).map(fieldsOf)) {
      const source = textOf(given.source) ?? '';
      const about = fieldsOf(fieldsOf(fieldsOf(model)[kind])[source]);
      const target = textOf(given.target) ?? source;
      const folder = kind === 'secrets' ? '/run/secrets/' : '/';
      const destination = target.startsWith('/') ? target : `${folder}${target}`;
      if (source === '' || !isAbsolute(destination) || maker.covers(name, destination)) continue;
      const from = givenFile(maker, kind, source, about, facts, secrecy);
      maker.mounts.push({ service: name, destination, writable: false, from });
    }
  }
};

const givenFile = (
  maker: DataPlanMaker,
  kind: 'configs' | 'secrets',
  source: string,
  about: Fields,
  facts: DataFacts,
  secrecy: Secrecy,
) => {
  const path = textOf(about.file);
  const content = textOf(about.content);
  const isOpen = kind === 'configs' || allows(secrecy.allowed, source);
  if (isOpen && path !== undefined && facts.host.get(path) === 'file') return hostFile(maker, path);
  if (isOpen && content !== undefined && facts.isTrusted)
    return maker.once(`content:${source}`, () => {
      const file = maker.file();
      maker.files.push({ path: file.path, from: { kind: 'text', text: content } });
      return file;
    });
  if (kind === 'configs') maker.observations.push(`the content of the config ${source} is not known here`);
  return throwAwayFile(maker, `${kind}:${source}`, secrecy);
};
