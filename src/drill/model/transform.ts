import { defined, environmentOf, isHostName, keptOf } from './keys.ts';
import {
  fieldsOf,
  listOf,
  mapTexts,
  servicesOf,
  textOf,
  withDoubleDollars,
  withSingleDollars,
} from './read.ts';
import type { Fields, Json, SandboxInput, SandboxMount, SandboxService } from './types.ts';

/** What of a service may quote a secret of the original. */
const speaking = ['command', 'entrypoint', 'healthcheck', 'post_start'] as const;

/**
 * A network that leads nowhere: `internal` has no route out, and without an address of its own the bridge is
 * no way to the host either (`internal` alone leaves that one open).
 */
const network = ({ label }: SandboxInput): Fields => ({
  driver: 'bridge',
  internal: true,
  driver_opts: { 'com.docker.network.bridge.inhibit_ipv4': 'true' },
  labels: { [label.key]: label.value },
});

/** Names are asked for in the container alone: the engine would pass them on to the host's name server. */
const noNameServer = ['127.0.0.1'];

/** `service:x` of a service that takes part. */
const sharedWith = (value: Json, taking: ReadonlySet<string>): string | undefined => {
  const mode = textOf(value) ?? '';
  return mode.startsWith('service:') && taking.has(mode.slice('service:'.length)) ? mode : undefined;
};

const namespacesOf = (service: Fields, taking: ReadonlySet<string>): Fields =>
  defined({
    ipc: service.ipc === 'shareable' ? 'shareable' : sharedWith(service.ipc, taking),
    pid: sharedWith(service.pid, taking),
  });

/** What names it, or whose network it shares: the engine takes no names or servers where it is another's. */
const networkOf = (service: Fields, { aliases }: SandboxService, taking: ReadonlySet<string>): Fields => {
  const shared = service.network_mode === 'none' ? 'none' : sharedWith(service.network_mode, taking);
  if (shared !== undefined) return { network_mode: shared };
  const names = [...new Set(aliases)].filter(isHostName);
  return { networks: { default: names.length === 0 ? {} : { aliases: names } }, dns: noNameServer };
};

const withoutNames = ({ hostname: _, domainname: __, ...rest }: Fields): Fields => rest;

/** What it waits for. One-shots are not run, so nobody waits for their end. */
const dependenciesOf = (service: Fields, taking: ReadonlySet<string>): Fields => {
  const given = Array.isArray(service.depends_on)
    ? Object.fromEntries(service.depends_on.map((name) => [String(name), {}]))
    : fieldsOf(service.depends_on);
  const kept = Object.entries(given)
    .filter(([name]) => taking.has(name))
    .map(([name, how]) => [
      name,
      { condition: fieldsOf(how).condition === 'service_healthy' ? 'service_healthy' : 'service_started' },
    ]);
  return kept.length === 0 ? {} : { depends_on: Object.fromEntries(kept) };
};

const volumeOf = ({ from, destination, writable }: SandboxMount): Fields => {
  const common = { target: destination, ...(writable ? {} : { read_only: true }) };
  return from.kind === 'volume'
    ? { type: 'volume', source: from.name, ...common }
    : { type: 'bind', source: from.path, ...common, bind: { create_host_path: false } };
};

/** Folders in memory that stand among the volumes. */
const memoryOf = (service: Fields): readonly Fields[] =>
  listOf(service.volumes)
    .map(fieldsOf)
    .filter(({ type, target }) => type === 'tmpfs' && /^\/[^\0]*$/.test(textOf(target) ?? ''))
    .map(({ target }) => ({ type: 'tmpfs', target }));

const serviceOf = (
  own: SandboxService,
  service: Fields,
  input: SandboxInput,
  taking: ReadonlySet<string>,
): Fields => {
  const kept = keptOf(service);
  const said = Object.fromEntries(
    speaking.flatMap((key) => (key in kept ? [[key, mapTexts(kept[key], input.disguise.text)]] : [])),
  );
  const variables = Object.entries(environmentOf(service.environment)).map(([name, value]) => [
    name,
    input.disguise.variable(name, value),
  ]);
  const net = networkOf(service, own, taking);
  const mounts = input.mounts.filter((mount) => mount.service === own.name).map(volumeOf);
  const covered = new Set(mounts.map(({ target }) => target));
  const volumes = [...mounts, ...memoryOf(service).filter(({ target }) => !covered.has(target))];
  return {
    ...('network_mode' in net && net.network_mode !== 'none' ? withoutNames(kept) : kept),
    ...said,
    environment: { ...Object.fromEntries(variables), ...input.environment[own.name] },
    image: own.imageId,
    pull_policy: 'never',
    restart: 'no',
    scale: 1,
    labels: { [input.label.key]: input.label.value },
    // The original comes first wherever both want the processors.
    cpu_shares: 256,
    ...net,
    ...namespacesOf(service, taking),
    ...dependenciesOf(service, taking),
    ...(volumes.length === 0 ? {} : { volumes }),
  };
};

/**
 * The Compose model of a sandbox. Pure, and an allow-list: of the original's model only what `keys.ts` names
 * gets through, and no path, port, right or network of the host can. Paths and names of volumes come from
 * `mounts` alone. Dollar signs are doubled, so Compose puts no variable of this machine in.
 */
export const sandboxModel = (input: SandboxInput): Fields => {
  const services = servicesOf(withSingleDollars(input.model));
  const taking = new Set(input.services.map(({ name }) => name));
  const names = input.mounts.flatMap(({ from }) => (from.kind === 'volume' ? [from.name] : []));
  return withDoubleDollars({
    name: input.project,
    services: Object.fromEntries(
      input.services.map((own) => [own.name, serviceOf(own, services.get(own.name) ?? {}, input, taking)]),
    ),
    networks: { default: network(input) },
    volumes: Object.fromEntries([...new Set(names)].map((name) => [name, { name, external: true }])),
  }) as Fields;
};
