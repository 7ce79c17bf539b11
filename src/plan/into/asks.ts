import { singleDollars } from '../../stack/labels.ts';
import { isHarmless } from './harmless.ts';
import { fieldsOf, listOf, textOf } from './read.ts';
import type { Fields } from './types.ts';

const text = (value: unknown): string =>
  singleDollars(typeof value === 'string' ? value : JSON.stringify(value ?? null));

/** Mounts: volumes are of the new project, and so are the places of its folder that something was put back into. */
const ofMounts = (service: Fields, own: ReadonlySet<string>): readonly string[] =>
  listOf(service.volumes)
    .map(fieldsOf)
    .flatMap(({ type, source, read_only }) => {
      const path = singleDollars(textOf(source));
      if (type === 'volume' || type === 'tmpfs' || own.has(path)) return [];
      const how = read_only === true ? 'reads' : 'writes to';
      return [type === 'bind' ? `${how} ${path}` : `mounts ${text(source)} (${text(type)})`];
    });

/** Another service of the project is no stranger, and what has no network needs none. */
const isOwnSpace = (value: unknown, more: readonly string[]): boolean =>
  value === undefined || textOf(value).startsWith('service:') || more.includes(textOf(value));

const ofSpaces = (service: Fields): readonly string[] => [
  ...(isOwnSpace(service.network_mode, ['', 'none', 'bridge', 'default'])
    ? []
    : [`is in the network of ${text(service.network_mode)}`]),
  ...(isOwnSpace(service.pid, ['']) ? [] : [`sees the processes of ${text(service.pid)}`]),
  ...(isOwnSpace(service.ipc, ['', 'none', 'private', 'shareable'])
    ? []
    : [`shares memory with ${text(service.ipc)}`]),
  ...listOf(service.volumes_from)
    .map(textOf)
    .filter((one) => one.startsWith('container:'))
    .map((one) => `mounts what ${one} has`),
];

const ofHooks = (service: Fields): readonly string[] =>
  ['post_start', 'pre_stop']
    .flatMap((key) => listOf(service[key]).map(fieldsOf))
    .some(({ privileged }) => privileged === true)
    ? ['runs commands with all rights after its start or before its stop']
    : [];

const ofRights = (service: Fields): readonly string[] => [
  ...(service.privileged === true ? ['has all rights on this machine (privileged)'] : []),
  ...listOf(service.cap_add).map((one) => `has the capability ${text(one)}`),
  ...listOf(service.security_opt)
    .map(text)
    .filter((one) => !/^no-new-privileges([:=]true)?$/.test(one))
    .map((one) => `runs with the security option ${one}`),
  ...(fieldsOf(fieldsOf(fieldsOf(service.deploy).resources).reservations).devices === undefined
    ? []
    : ['uses devices of this machine (deploy)']),
];

const ofService = (service: Fields, own: ReadonlySet<string>): readonly string[] => [
  ...ofRights(service),
  ...ofSpaces(service),
  ...ofMounts(service, own),
  ...ofHooks(service),
  ...Object.entries(service)
    .filter(([key, value]) => !isHarmless(key, value))
    .map(([key, value]) => `has ${key}: ${text(value)}`),
];

/** What is a file or a variable of this machine, and no text of the compose file itself. */
const ofGiven = (kind: 'secret' | 'config', all: unknown): readonly string[] =>
  Object.entries(fieldsOf(all)).flatMap(([name, value]) => {
    const { file, environment, content } = fieldsOf(value);
    if (file !== undefined) return [`the ${kind} ${name} is the file ${text(file)}`];
    if (environment !== undefined) return [`the ${kind} ${name} is the variable ${text(environment)}`];
    return content === undefined ? [`the ${kind} ${name} is one that is here already`] : [];
  });

const ofNetwork = ([name, value]: readonly [string, unknown]): readonly string[] => {
  const { external, driver, driver_opts } = fieldsOf(value);
  if (external === true) return [`the network ${text(fieldsOf(value).name ?? name)} is another's`];
  const isOther = !['', 'bridge'].includes(textOf(driver ?? ''));
  const options = Object.keys(fieldsOf(driver_opts)).length > 0;
  return isOther || options
    ? [`the network ${name} is of the kind ${text(driver ?? 'bridge')} ${text(driver_opts ?? {})}`]
    : [];
};

/** Parts of a compose file that make nothing but what was looked at. */
const known = ['name', 'version', 'services', 'volumes', 'networks', 'secrets', 'configs'];

/**
 * What a project would have of this machine, besides its own volumes, networks and folder, in words: paths,
 * devices, rights, namespaces, other containers' networks. What nobody knows to be harmless is among it. Ports
 * that it publishes, and the images that it runs, are told by themselves. `own` are the paths of its folder. Pure.
 */
export const asksOf = (model: Fields, own: ReadonlySet<string>): readonly string[] => [
  ...Object.entries(fieldsOf(model.services)).flatMap(([name, service]) =>
    ofService(fieldsOf(service), own).map((ask) => `${name} ${ask}`),
  ),
  ...ofGiven('secret', model.secrets),
  ...ofGiven('config', model.configs),
  ...Object.entries(fieldsOf(model.networks)).flatMap(ofNetwork),
  ...Object.entries(model)
    .filter(([key]) => !known.includes(key) && !key.startsWith('x-'))
    .map(([key, value]) => `the project has ${key}: ${text(value)}`),
];
