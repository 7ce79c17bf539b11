import type { Warning } from '../../base/events.ts';
import { singleDollars } from '../../stack/labels.ts';
import { bindKey, type Places } from './places.ts';
import { fieldsOf, listOf, textOf } from './read.ts';
import { imageOf, servicesOf } from './services.ts';
import type { IntoFacts } from './types.ts';

/** What a second copy of a stack is not as the original is, for people. */
export const warningsOf = (
  facts: IntoFacts,
  { leftOut, scattered, detached, binds }: Places,
): readonly Warning[] => {
  const { images } = facts;
  const services = servicesOf(facts);
  const open = services.flatMap(({ name, raw }) =>
    listOf(raw.volumes)
      .map(fieldsOf)
      .filter(
        (one) =>
          one.type === 'bind' && one.read_only !== true && !binds.has(bindKey(name, textOf(one.target))),
      )
      .map(({ source }) => ({ name, source: singleDollars(textOf(source)) })),
  );
  const inexact = services.filter(({ name, raw }) => !imageOf(raw, images.get(name)).isExact);
  const shared = services.flatMap(({ name, raw }) =>
    textOf(raw.container_name) === '' ? [] : [`${name} (${textOf(raw.container_name)})`],
  );
  const still = [...images.keys()].filter(
    (name) => name in fieldsOf(facts.model.services) && !services.some((one) => one.name === name),
  );
  return [
    ...(still.length === 0
      ? []
      : [
          {
            code: 'not-started',
            message: `what did not run when the snapshot was made is not started: ${still.join(', ')}`,
          },
        ]),
    ...inexact.map(({ name, raw }) => ({
      code: 'image-by-name',
      about: name,
      message: `the image that ${name} ran cannot be had by its digest: ${imageOf(raw, images.get(name)).image} is taken as it is today`,
    })),
    ...leftOut.map(({ name }) => ({
      code: 'not-restored',
      about: name,
      message: `${name} is in the snapshot, but no service of the compose files uses it: it is not put back`,
    })),
    ...scattered.map(({ name, users: [user] }) => ({
      code: 'not-restored',
      about: name,
      message: `${name} is not put back: each container of ${user?.service} had a volume of its own at ${user?.destination}, and gets a new one`,
    })),
    ...detached.map((key) => ({
      code: 'plain-volume',
      about: key,
      message: `the volume ${key} of the original is external, or lies on storage of its own: the copy gets a plain local volume`,
    })),
    ...open.map(({ name, source }) => ({
      code: 'shared-path',
      about: name,
      message: `${name} can write to ${source}, which is not in the snapshot: the copy has it in common with whatever uses it here`,
    })),
    ...(shared.length === 0
      ? []
      : [
          {
            code: 'names-dropped',
            message: `container names are given by Compose in the copy: ${shared.join(', ')}`,
          },
        ]),
  ];
};
