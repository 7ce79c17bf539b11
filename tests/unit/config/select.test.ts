import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseInstances, configuredStacks } from '../../../src/config/instances.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { type Selection, selectStacks } from '../../../src/config/select.ts';
import { errorOf, folderWith } from './fixture.ts';

const stacks = (more: Partial<Selection>): Selection => ({
  configured: [
    { name: 'core', project: 'core-live' },
    { name: 'shop', project: 'shop' },
    { name: 'late', project: undefined },
  ],
  running: ['core-live', 'blog', 'shop'],
  requested: [],
  all: false,
  ...more,
});

describe('selectStacks', () => {
  test.each([
    ['an instance by its name', ['core'], [{ from: 'config', name: 'core' }]],
    [
      'an instance by its project, never without its configuration',
      ['core-live'],
      [{ from: 'config', name: 'core' }],
    ],
    ['a running project', ['blog'], [{ from: 'running', project: 'blog' }]],
    ['an instance that does not run', ['late'], [{ from: 'config', name: 'late' }]],
    [
      'several in the order asked for, each once',
      ['blog', 'core', 'core-live', 'blog'],
      [
        { from: 'running', project: 'blog' },
        { from: 'config', name: 'core' },
      ],
    ],
  ])('finds %s', (_, requested, selected) => {
    expect(selectStacks(stacks({ requested }))).toEqual(selected);
  });

  test('takes all instances, and only without any all running projects', () => {
    const names = ['core', 'shop', 'late'].map((name) => ({ from: 'config', name }));
    expect(selectStacks(stacks({ all: true }))).toEqual(names);
    expect(selectStacks(stacks({ all: true, configured: [], running: ['blog'] }))).toEqual([
      { from: 'running', project: 'blog' },
    ]);
  });

  test('says what there is when a name is nothing', async () => {
    const error = await errorOf(() => selectStacks(stacks({ requested: ['cor', 'blog', 'x\u001b[31m'] })));
    expect(error.code).toBe('instance-unknown');
    expect(error.message).toBe(
      'no instance and no running project is called "cor"; did you mean \'core\'?\n' +
        'no instance and no running project is called "x\\u001b[31m"',
    );
    expect(error.next).toBe(
      'Configured instances: core, shop, late. Running Compose projects: core-live, blog, shop.',
    );
    expect(error.details).toEqual({
      unknown: ['cor', 'x\u001b[31m'],
      instances: ['core', 'shop', 'late'],
      projects: ['core-live', 'blog', 'shop'],
    });
  });

  test('tells a command that is still to come from an instance', async () => {
    const error = await errorOf(() => selectStacks(stacks({ requested: ['restore', 'core'] })));
    expect(error.message).toBe('there is no command restore yet, and no running project of that name');
    expect(error.next).toBe('`stack-backup --help` lists the commands that there are.');
    expect(selectStacks(stacks({ running: ['restore'], requested: ['restore'] }))).toEqual([
      { from: 'running', project: 'restore' },
    ]);
  });

  test('says so when there is nothing at all', async () => {
    const nothing = { configured: [], running: [] };
    const unknown = await errorOf(() => selectStacks(stacks({ ...nothing, requested: ['core'] })));
    expect(unknown.next).toBe('Configured instances: none. Running Compose projects: none.');
    expect((await errorOf(() => selectStacks(stacks({ ...nothing, all: true })))).code).toBe('usage');
  });

  test('wants a name or --all, not both', async () => {
    expect((await errorOf(() => selectStacks(stacks({})))).code).toBe('usage');
    expect((await errorOf(() => selectStacks(stacks({ all: true, requested: ['core'] })))).code).toBe(
      'usage',
    );
  });

  test.each(['../../etc', 'a/b', '.', 'Core', '-x', 'a\nb', ''])(
    'never takes the project %j, which would become part of a path',
    async (project) => {
      const selection = stacks({ configured: [], running: [project] });
      const asked = await errorOf(() => selectStacks({ ...selection, requested: [project] }));
      expect(asked.code).toBe('instance-unknown');
      expect(asked.next).not.toContain(project === '' ? ' ,' : `: ${project}.`);
      expect((await errorOf(() => selectStacks({ ...selection, all: true }))).code).toBe('usage');
    },
  );

  test('answers any request with what was asked for or with an error', async () => {
    const name = fc.constantFrom('core', 'core-live', 'shop', 'late', 'blog', 'x', 'constructor');
    await fc.assert(
      fc.asyncProperty(fc.array(name), fc.boolean(), async (requested, all) => {
        try {
          const selected = selectStacks(stacks({ requested, all }));
          expect(selected.length).toBeGreaterThan(0);
          expect(new Set(selected.map((one) => JSON.stringify(one))).size).toBe(selected.length);
        } catch (thrown) {
          const { code } = await errorOf(() => {
            throw thrown;
          });
          expect(code).toBe(
            requested.some((one) => ['x', 'constructor'].includes(one)) && !all
              ? 'instance-unknown'
              : 'usage',
          );
        }
      }),
    );
  });
});

describe('chooseInstances', () => {
  const base = { all: false, env: { TZ: 'UTC' } };

  test('works without any configuration, with ./backups of the current folder', async () => {
    const chosen = await chooseInstances({
      ...base,
      config: undefined,
      running: ['blog'],
      requested: ['blog'],
      cwd: '/srv/stacks',
    });
    expect(chosen).toMatchObject([
      { name: 'blog', project: 'blog', backups: '/srv/stacks/backups', timezone: 'UTC', from: 'running' },
    ]);
  });

  test('gives configured and running ones side by side, with the common settings', async () => {
    await using folder = await folderWith({
      'backup.config.yaml': 'backups: kept\ntimezone: Asia/Tokyo\ninstances:\n  core:\n    logs: true\n',
    });
    const config = await loadConfig({ cwd: folder.path, env: {} });
    const options = { ...base, config, running: ['blog'], requested: ['blog', 'core'], cwd: '/tmp' };
    const common = { backups: join(folder.path, 'kept'), timezone: 'Asia/Tokyo' };
    expect(await chooseInstances(options)).toMatchObject([
      { ...common, name: 'blog', from: 'running' },
      { ...common, name: 'core', logs: true, from: 'config' },
    ]);
    const elsewhere = await chooseInstances({ ...options, backups: 'here' });
    expect(elsewhere.map(({ backups }) => backups)).toEqual(['/tmp/here', '/tmp/here']);
  });

  test('tells of a missing variable that a running project needs too', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax under test
    await using folder = await folderWith({ 'backup.config.yaml': 'backups: ${WHERE}\n' });
    const config = await loadConfig({ cwd: folder.path, env: {} });
    const error = await errorOf(() =>
      chooseInstances({ ...base, config, running: ['blog'], requested: ['blog'], cwd: '/tmp' }),
    );
    expect(error.code).toBe('env-missing');
  });

  test('does not guess the project of an instance whose variable is missing', async () => {
    await using folder = await folderWith({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax under test
      'backup.config.yaml': 'instances:\n  a: { project: "x${GONE}" }\n  b: ${GONE}\n  c:\n',
    });
    const config = await loadConfig({ cwd: folder.path, env: {} });
    expect(configuredStacks(config)).toEqual([
      { name: 'a', project: undefined },
      { name: 'b', project: undefined },
      { name: 'c', project: 'c' },
    ]);
    expect(configuredStacks(undefined)).toEqual([]);
  });
});
