import { singleDollars } from '../../stack/labels.ts';
import { fieldsOf, listOf, textOf } from './read.ts';
import type { Fields } from './types.ts';

/** Files that Compose puts into services as secrets and configs. */
const givenTo = (model: Fields, service: Fields): readonly unknown[] =>
  (['secrets', 'configs'] as const).flatMap((kind) =>
    listOf(service[kind])
      .map((one) => fieldsOf(fieldsOf(model[kind])[textOf(fieldsOf(one).source)]))
      .map(({ file }) => file),
  );

const boundIn = (service: Fields): readonly unknown[] =>
  listOf(service.volumes)
    .map(fieldsOf)
    .filter(({ type }) => type === 'bind')
    .map(({ source }) => source);

/** Files and folders of this machine that these services get, and the snapshot has no copy of. Pure. */
export const hostPathsOf = (
  model: Fields,
  services: readonly Fields[],
  folder: string,
): readonly string[] => {
  const all = services.flatMap((service) => [...boundIn(service), ...givenTo(model, service)]);
  const paths = all.map((path) => singleDollars(textOf(path))).filter((path) => path !== '');
  return [...new Set(paths)].filter((path) => !path.startsWith(`${folder}/`));
};
