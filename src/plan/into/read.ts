import type { Fields } from './types.ts';

/** The fields of a map; none when it is something else. */
export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A map without some of its keys. */
export const without = (fields: Fields, ...keys: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => !keys.includes(key)));

/** A map with every value changed. */
export const mapFields = (value: unknown, change: (key: string, value: Fields) => unknown): Fields =>
  Object.fromEntries(Object.entries(fieldsOf(value)).map(([key, one]) => [key, change(key, fieldsOf(one))]));
