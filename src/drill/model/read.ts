import { singleDollars } from '../../stack/labels.ts';
import type { Fields, Json } from './types.ts';

/** The fields of a map; none when it is something else. */
export const fieldsOf = (value: Json): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

export const listOf = (value: Json): readonly Json[] => (Array.isArray(value) ? value : []);

export const textOf = (value: Json): string | undefined => (typeof value === 'string' ? value : undefined);

/** Texts of a list; whatever else stands in it is left out. */
export const textsOf = (value: Json): readonly string[] =>
  listOf(value).filter((item) => typeof item === 'string');

/** The services of a Compose model, by name. */
export const servicesOf = (model: Json): ReadonlyMap<string, Fields> =>
  new Map(Object.entries(fieldsOf(fieldsOf(model).services)).map(([name, value]) => [name, fieldsOf(value)]));

/** Every text in a value, changed. Names of fields stay. */
export const mapTexts = (value: Json, change: (text: string) => string): Json => {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, mapTexts(inner, change)] as const),
  );
};

/** A model as people mean it. */
export const withSingleDollars = (model: Json): Json => mapTexts(model, singleDollars);

/** A model that Compose reads as it stands: no variable of this machine is ever put into it. */
export const withDoubleDollars = (model: Json): Json =>
  mapTexts(model, (text) => text.replaceAll('$', '$$$$'));
