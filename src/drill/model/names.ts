import type { Manifest, ManifestContainer } from '../../snapshot/types.ts';
import { fieldsOf, listOf, servicesOf, textOf, textsOf } from './read.ts';
import type { Json, SandboxService } from './types.ts';

const ran: readonly string[] = ['running', 'paused', 'restarting'];
const isImageId = (text: string): boolean => /^sha256:[0-9a-f]{64}$/.test(text);
const isServiceName = (text: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,199}$/.test(text);

/** `other:name`, and `other` alone: names under which a service asks for another. */
const linkNames = (model: Json): ReadonlyMap<string, readonly string[]> => {
  const links = [...servicesOf(model).values()].flatMap((service) => textsOf(service.links));
  const pairs = links.flatMap((link) => {
    const [target = '', alias] = link.split(':');
    return alias === undefined ? [] : [{ target, alias }];
  });
  return new Map(
    [...Map.groupBy(pairs, ({ target }) => target)].map(([target, all]) => [
      target,
      all.map(({ alias }) => alias),
    ]),
  );
};

const networkAliases = (service: Json): readonly string[] =>
  Object.values(fieldsOf(fieldsOf(service).networks)).flatMap((one) =>
    textsOf(listOf(fieldsOf(one).aliases)),
  );

/** Its containers at the time of the snapshot that ran, the first by name in front. */
const runningOf = (manifest: Manifest): ReadonlyMap<string, readonly ManifestContainer[]> => {
  const all = manifest.containers
    .filter(({ stateBefore, service }) => ran.includes(stateBefore) && isServiceName(service))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return Map.groupBy(all, ({ service }) => service);
};

/**
 * The services that take part in a drill: those that ran when the snapshot was taken, each once, with the
 * image it ran. One-shots that had ended have done their work in the data; what was stopped stays so.
 */
export const servicesFor = (manifest: Manifest, model: Json): readonly SandboxService[] => {
  const links = linkNames(model);
  const known = servicesOf(model);
  return [...runningOf(manifest)].flatMap(([name, containers]) => {
    const [first] = containers;
    if (first === undefined || !isImageId(first.imageId)) return [];
    const service = known.get(name) ?? {};
    const aliases = [
      ...containers.map((one) => one.name),
      ...[textOf(service.container_name)].filter((one) => one !== undefined),
      ...networkAliases(service),
      ...(links.get(name) ?? []),
    ].filter((alias) => alias !== name);
    return [{ name, imageId: first.imageId, aliases: [...new Set(aliases)] }];
  });
};
