import { fieldsOf, listOf, textOf } from './read.ts';
import type { Fields, IntoFacts, KnownImage } from './types.ts';

/** The reference that gives a service its image again, and whether it has to be fetched. */
export const imageOf = (
  service: Fields,
  known: KnownImage | undefined,
): { readonly image: string; readonly pull: boolean; readonly isExact: boolean } => {
  if (known?.isHere) return { image: known.id, pull: false, isExact: true };
  const [digest] = known?.digests ?? [];
  if (digest !== undefined) return { image: digest, pull: true, isExact: true };
  return { image: known?.name ?? textOf(service.image), pull: true, isExact: false };
};

/** Those that are started: what ran, what the snapshot does not know and no profile holds back, and what those need. */
export const servicesOf = ({ model, images }: IntoFacts) => {
  const all = Object.entries(fieldsOf(model.services)).map(([name, raw]) => ({ name, raw: fieldsOf(raw) }));
  const isAsked = ({ name, raw }: (typeof all)[number]): boolean =>
    images.get(name)?.ran ?? listOf(raw.profiles).length === 0;
  const started = new Set(all.filter(isAsked).map(({ name }) => name));
  for (const name of started)
    for (const [needed, how] of Object.entries(fieldsOf(fieldsOf(fieldsOf(model.services)[name]).depends_on)))
      if (fieldsOf(how).required !== false) started.add(needed);
  return all.filter(({ name }) => started.has(name));
};
