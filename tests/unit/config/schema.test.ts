import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../../src/base/duration.ts';
import { loadSchema } from '../../../src/base/schema.ts';
import { isVerb } from '../../../src/config/check/verbs.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { instanceFromRunning, resolveInstances } from '../../../src/config/resolve.ts';
import { folderWith } from './fixture.ts';

interface Node {
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly $ref?: string;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly $defs: Readonly<Record<string, Node>>;
  readonly additionalProperties?: unknown;
}

const validate = loadSchema('config.schema.json');
const schema = validate.schema as Node;
const definition = (name: string): Node => schema.$defs[name] as Node;
const resolved = (node: Node): Node =>
  node.$ref ? { ...resolved(definition(node.$ref.replace('#/$defs/', ''))), ...node } : node;

const maps: readonly (readonly [string, Node])[] = [
  ['(top)', schema],
  ...['instance', 'service', 'limits', 'drill', 'drills', 'postgresHook', 'sqliteHook', 'commandHook'].map(
    (name) => [name, definition(name)] as const,
  ),
];

const defaultsOf = (name: string): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(definition(name).properties ?? {}).flatMap(([key, node]) => {
      const own = resolved(node);
      return 'default' in own ? [[key, own.default]] : [];
    }),
  );

describe('config.schema.json', () => {
  test.each(maps)('%s refuses unknown keys', (_, node) => {
    expect(node.additionalProperties).toBe(false);
  });

  test.each(maps)('%s says of every key what it must be, and explains it', (_, node) => {
    for (const [key, property] of Object.entries(node.properties ?? {})) {
      if ('const' in property) continue;
      const { title, description } = resolved(property);
      expect(title, `title of ${key}`).toBeTruthy();
      // The phases and the hook's own words are explained once, at postgres and command.
      if (key !== 'phase' && key !== 'name') expect(description, `description of ${key}`).toBeTruthy();
    }
  });

  test('has examples that are valid', () => {
    expect(schema.examples).not.toHaveLength(0);
    for (const example of schema.examples ?? [])
      expect(validate(example), validate.errors?.[0]?.message).toBe(true);
    for (const kind of ['postgresHook', 'sqliteHook', 'commandHook']) {
      const { examples = [] } = definition(kind);
      expect(examples).not.toHaveLength(0);
      expect(validate({ instances: { core: { hooks: examples } } }), kind).toBe(true);
    }
  });

  test('means the same durations as the program', () => {
    const pattern = new RegExp(definition('duration').pattern ?? '', 'u');
    const unit = fc.constantFrom('ms', 's', 'm', 'h', 'd', 'w', 'x', '', ' ');
    const text = fc
      .array(fc.tuple(fc.nat(99).map(String), unit), { maxLength: 3 })
      .map((all) => all.flat().join(''));
    fc.assert(
      fc.property(fc.oneof(text, fc.string()), (candidate) => {
        expect(pattern.test(candidate)).toBe(parseDuration(candidate) !== undefined);
      }),
    );
  });

  test('states the defaults that the program uses', async () => {
    const defaults = {
      ...defaultsOf('instance'),
      limits: defaultsOf('limits'),
      drill: defaultsOf('drill'),
      hooks: [
        { kind: 'postgres', service: 'db', ...defaultsOf('postgresHook') },
        { kind: 'sqlite', service: 'app', path: '/data/app.db', ...defaultsOf('sqliteHook') },
        { kind: 'command', service: 'app', command: ['true'], ...defaultsOf('commandHook') },
      ],
    };
    const written = {
      backups: schema.properties?.backups?.default,
      instances: {
        explicit: defaults,
        implicit: {
          hooks: defaults.hooks.map((hook) =>
            Object.fromEntries(
              Object.entries(hook).filter(([key]) => ['kind', 'service', 'path', 'command'].includes(key)),
            ),
          ),
        },
      },
    };
    await using folder = await folderWith({ 'backup.config.yaml': JSON.stringify(written) });
    const config = await loadConfig({ cwd: folder.path, env: {} });
    const [explicit, implicit] = await resolveInstances(config as never, ['explicit', 'implicit'], {
      env: {},
    });
    expect({ ...explicit, name: '', project: '' }).toEqual({ ...implicit, name: '', project: '' });
    const running = instanceFromRunning('explicit', explicit?.backups ?? '', explicit?.timezone ?? '');
    const found = { from: 'config', configFile: explicit?.configFile };
    expect({ ...running, ...found }).toEqual({ ...explicit, hooks: [] });
  });

  test('knows the words of the command line', () => {
    expect(isVerb('backup')).toBe(true);
    expect(isVerb('core')).toBe(false);
  });
});
