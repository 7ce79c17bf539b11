import type { RawConfig } from '../raw.ts';
import { type Path, pointerOf } from './problem.ts';

/** A value of which any part may be missing. */
export type Loose<T> = T extends string | number | boolean | null
  ? T | undefined
  : T extends readonly (infer Item)[]
    ? readonly Loose<Item>[] | undefined
    : { readonly [Key in keyof T]?: Loose<T[Key]> } | undefined;

export type LooseConfig = NonNullable<Loose<RawConfig>>;

/**
 * The part of the data that has the shape of RawConfig: what stands at the unusable paths is left out
 * (a list item becomes undefined, so that the others keep their numbers). Thus later checks run on all that
 * is left, and every mistake is told at once.
 */
export const soundPart = (data: unknown, unusable: readonly Path[]): LooseConfig => {
  const bad = new Set(unusable.map(pointerOf));
  const keep = (value: unknown, path: Path): unknown => {
    if (bad.has(pointerOf(path))) return undefined;
    if (Array.isArray(value)) return value.map((item, index) => keep(item, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, keep(item, [...path, key])]));
  };
  return (keep(data, []) ?? {}) as LooseConfig;
};
