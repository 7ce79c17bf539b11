import { describe, expect, it } from 'vitest';
import { loadSchema } from '../../../src/base/schema.ts';
import { readDocument } from '../../../src/config/file/document.ts';
import { fencedBlocks, readPage, tableRows } from './pages.ts';

const page = readPage('docs/configuration.md');

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly default?: unknown;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

const schema = JSON.parse(readPage('schemas/config.schema.json')) as Schema;

/** Where each map of settings is explained. A hook's keys stand with its kind or with those of every hook. */
const places: Readonly<Record<string, readonly string[]>> = {
  '': ['The file'],
  instance: ['An instance'],
  service: ['services'],
  volume: ['volumes'],
  limits: ['limits'],
  check: ['Checks'],
  drill: ['drill'],
  drills: ['drills'],
  hook: ['Hooks'],
  postgresHook: ['Hooks', 'kind: postgres'],
  sqliteHook: ['Hooks', 'kind: sqlite'],
  commandHook: ['Hooks', 'kind: command'],
};

const heading = (name: string): string =>
  page
    .split('\n')
    .find((line) => /^#+ /.test(line) && line.replace(/^#+ /, '').replaceAll('`', '') === name) ?? '';

const rowsOf = (name: string): ReadonlyMap<string, string> =>
  new Map(
    tableRows(page, heading(name).replace(/^#+ /, '')).map(([key = '', fallback = '']) => [key, fallback]),
  );

const maps = Object.entries({ '': schema, ...schema.$defs }).filter(
  ([, one]) => one.properties !== undefined,
);

describe('docs/configuration.md', () => {
  it('has a place for every map of settings that the schema knows', () => {
    expect(maps.map(([name]) => name).sort()).toEqual(Object.keys(places).sort());
  });

  it.each(maps)('explains every key of %j, with its default', (name, { properties = {} }) => {
    const rows = new Map((places[name] ?? []).flatMap((place) => [...rowsOf(place)]));
    for (const [key, { default: fallback }] of Object.entries(properties)) {
      expect([...rows.keys()], key).toContain(key);
      const shown =
        Array.isArray(fallback) || typeof fallback === 'object' ? JSON.stringify(fallback) : fallback;
      if (fallback !== undefined) expect(rows.get(key), key).toContain(String(shown));
    }
  });

  it('explains no key that does not exist', () => {
    const known = new Set(maps.flatMap(([, { properties = {} }]) => Object.keys(properties)));
    const explained = [...new Set(Object.values(places).flat())].flatMap((place) => [
      ...rowsOf(place).keys(),
    ]);
    expect(explained.filter((key) => !known.has(key))).toEqual([]);
  });

  it('shows only examples that are valid', () => {
    const validate = loadSchema('config.schema.json');
    const examples = fencedBlocks(page, 'yaml');
    expect(examples).toHaveLength(5);
    for (const yaml of examples) {
      const whole = /^(hooks|checks):/.test(yaml)
        ? `instances:\n  example:\n    ${yaml.replaceAll('\n', '\n    ')}`
        : yaml;
      const { value, problems } = readDocument(whole, {});
      expect(problems).toEqual([]);
      expect(validate(value), JSON.stringify(validate.errors)).toBe(true);
    }
  });
});
