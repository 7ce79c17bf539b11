import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

const folder = new URL('../../../schemas/', import.meta.url);
const files = (await readdir(folder)).sort();

type Schema = Readonly<Record<string, unknown>>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Of these, the keys are names of the user's or of the format, not keywords of JSON Schema. */
const named = new Set(['properties', '$defs']);
/** What stands there is data, or a condition that only tells cases apart. */
const passedOver = new Set(['examples', 'default', 'if']);

/** Paths of all properties and definitions that say nothing of themselves. */
const undescribed = (schema: Schema, path: string): string[] =>
  Object.entries(schema).flatMap(([keyword, value]) => {
    if (passedOver.has(keyword)) return [];
    const below = Array.isArray(value) ? value : [value];
    if (!named.has(keyword)) {
      return below.filter(isSchema).flatMap((each) => undescribed(each, `${path}/${keyword}`));
    }
    return Object.entries(isSchema(value) ? value : {}).flatMap(([name, each]) => {
      if (!isSchema(each)) return [];
      const at = `${path}/${name}`;
      const told = 'description' in each || '$ref' in each;
      return [...(told ? [] : [at]), ...undescribed(each, at)];
    });
  });

describe.each(files)('schemas/%s', (file) => {
  it('describes every key', async () => {
    const schema: unknown = JSON.parse(await readFile(new URL(file, folder), 'utf8'));
    expect(isSchema(schema) && 'description' in schema).toBe(true);
    expect(undescribed(schema as Schema, '')).toEqual([]);
  });
});
