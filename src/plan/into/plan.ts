import { asksOf } from './asks.ts';
import { hostPathsOf } from './host-paths.ts';
import { bindKey, dataOf, type Places, placesOf } from './places.ts';
import { fieldsOf, listOf, mapFields, textOf, without } from './read.ts';
import { imageOf, servicesOf } from './services.ts';
import type { Fields, IntoFacts, IntoPlan, Port } from './types.ts';
import { warningsOf } from './warnings.ts';

const escaped = (text: string): string => text.replaceAll('$', '$$$$');

/** Where a service mounts what it did, under the names that the copies have. */
const volumesOf = (name: string, service: Fields, { binds, anonymous }: Places): readonly Fields[] => {
  const own = anonymous.filter(({ service: user }) => user === name);
  const given = listOf(service.volumes)
    .map(fieldsOf)
    .filter(({ target }) => !own.some((one) => one.target === target));
  return [
    ...given.map((one) => {
      const bind = one.type === 'bind' ? binds.get(bindKey(name, textOf(one.target))) : undefined;
      return bind === undefined
        ? one
        : { ...one, source: escaped(bind.path), bind: { ...fieldsOf(one.bind), create_host_path: false } };
    }),
    ...own.map(({ key, target }) => ({ type: 'volume', source: key, target })),
  ];
};

/** Addresses of its own that a service asks for belong to the original. */
const networksOf = (service: Fields): Fields =>
  service.networks === undefined
    ? {}
    : {
        networks: mapFields(service.networks, (_, network) =>
          without(network, 'ipv4_address', 'ipv6_address', 'mac_address', 'link_local_ips'),
        ),
      };

const serviceOf = (name: string, service: Fields, facts: IntoFacts, places: Places): Fields => {
  const volumes = volumesOf(name, service, places);
  const { image } = imageOf(service, facts.images.get(name));
  return {
    ...without(
      service,
      'container_name',
      ...(image === '' ? [] : ['build']),
      'mac_address',
      'volumes',
      'networks',
      'pull_policy',
    ),
    ...(image === '' ? {} : { image: escaped(image) }),
    ...(volumes.length === 0 ? {} : { volumes }),
    ...networksOf(service),
  };
};

const modelOf = (facts: IntoFacts, places: Places): Fields => {
  const { project, model } = facts;
  const own = [...places.volumes].map(([key, { spec }]) => [key, { name: spec.name }]);
  const named = [...own, ...places.anonymous.map(({ key, spec }) => [key, { name: spec.name }])];
  const declared = (key: string): Fields => {
    const spec = places.volumes.get(key)?.spec ?? places.anonymous.find((one) => one.key === key)?.spec;
    const options = Object.entries(spec?.options ?? {}).map(([name, value]) => [name, escaped(value)]);
    return {
      ...(spec === undefined ? {} : { driver: spec.driver }),
      ...(options.length === 0 ? {} : { driver_opts: Object.fromEntries(options) }),
    };
  };
  return {
    ...without(model, 'name', 'services', 'volumes', 'networks'),
    name: project,
    services: mapFields(model.services, (name, service) => serviceOf(name, service, facts, places)),
    volumes: Object.fromEntries(
      named.map(([key, value]) => [key, { ...(value as Fields), ...declared(key as string) }]),
    ),
    networks: mapFields(model.networks, (key, network) =>
      network.external === true ? network : { ...without(network, 'ipam'), name: `${project}_${key}` },
    ),
  };
};

const portsOf = (services: Fields): readonly Port[] =>
  Object.entries(services).flatMap(([service, value]) =>
    listOf(fieldsOf(value).ports)
      .map(fieldsOf)
      .flatMap(({ published, host_ip, protocol }) => {
        const port = Number(published);
        return Number.isInteger(port) && port > 0
          ? [{ service, address: textOf(host_ip), port, protocol: textOf(protocol) || 'tcp' }]
          : [];
      }),
  );

/**
 * What a second copy of a stack under another name is made of. Pure. It shares nothing with the original:
 * volumes and networks get names of the new project, binds a folder of their own.
 */
export const planInto = (facts: IntoFacts): IntoPlan => {
  const { project, folder, images } = facts;
  const places = placesOf(facts);
  const model = modelOf(facts, places);
  const started = servicesOf(facts);
  const services = started.map(({ name }) => name);
  const wanted = started.map(({ name, raw }) => imageOf(raw, images.get(name)));
  const own = Object.fromEntries(services.map((name) => [name, fieldsOf(fieldsOf(model.services)[name])]));
  return {
    project,
    folder,
    model,
    services,
    volumes: [...places.volumes.values(), ...places.anonymous].map(({ spec }) => spec),
    data: dataOf(places),
    pulls: [...new Set(wanted.filter(({ pull, image }) => pull && image !== '').map(({ image }) => image))],
    ports: portsOf(own),
    hostPaths: hostPathsOf(model, Object.values(own), folder),
    asks: asksOf(model, new Set([...places.binds.values()].map(({ path }) => path))),
    warnings: warningsOf(facts, places),
  };
};
