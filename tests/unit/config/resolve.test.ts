// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax under test
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeDollars } from '../../../src/config/file/interpolate.ts';
import { type LoadedConfig, loadConfig } from '../../../src/config/load.ts';
import type { RawConfig, RawInstance } from '../../../src/config/raw.ts';
import { instanceFromRunning, processTimezone, resolveInstances } from '../../../src/config/resolve.ts';
import type { Instance } from '../../../src/config/types.ts';
import { casesOf } from '../../support/cases.ts';
import { errorOf, folderWith } from './fixture.ts';

type Env = Readonly<Record<string, string>>;

const load = async (cwd: string, env: Env = {}): Promise<LoadedConfig> => {
  const config = await loadConfig({ cwd, env });
  if (!config) throw new Error('no configuration');
  return config;
};

const instanceOf = async (cwd: string, env: Env = {}, name = 'core'): Promise<Instance> => {
  const [instance] = await resolveInstances(await load(cwd, env), [name], { env });
  if (!instance) throw new Error('no instance');
  return instance;
};

const core = (body: string): Record<string, string> => ({
  'backup.config.yaml': `instances:\n  core:\n${body.replace(/^/gm, '    ')}\n`,
});

describe('an instance', () => {
  test('of one word has every default', async () => {
    await using folder = await folderWith(core(''));
    expect(await instanceOf(folder.path, { TZ: 'Asia/Tokyo' })).toEqual({
      name: 'core',
      project: 'core',
      composeFiles: [],
      envFile: undefined,
      backups: join(folder.path, 'backups'),
      timezone: 'Asia/Tokyo',
      quiesce: 'stop',
      services: {},
      include: [],
      exclude: [],
      copy: 'auto',
      hooks: [],
      checks: [],
      format: 'auto',
      volumes: {},
      logs: false,
      warm: true,
      incremental: true,
      limits: { health: 120_000, downtime: 0, maxDowntime: 0, engine: 600_000, readRate: 0 },
      drill: {
        rto: 0,
        rpo: 0,
        health: 300_000,
        secrets: 'none',
        environment: {},
        leaveOut: [],
        ignoreRows: [],
        manual: [],
        every: 30 * 86_400_000,
        runbook: undefined,
      },
      from: 'config',
      configFile: join(folder.path, 'backup.config.yaml'),
    });
  });

  test('has all that is written, with absolute paths from the folder of the file', async () => {
    await using folder = await folderWith({
      'etc/backup.config.yaml': `
backups: ../common
timezone: Europe/Paris
drills: { every: 8w, runbook: ../drills.md }
instances:
  core:
    project: core-live
    compose_files: [compose.yaml, /srv/x.yaml]
    env_file: core.env
    backups: /var/backups
    timezone: UTC
    quiesce: pause
    services: { db: { quiesce: none }, web: {} }
    include: ["a*"]
    exclude: ["b*"]
    copy: api
    format: tree
    volumes: { media: { format: archive }, other: {} }
    logs: true
    warm: false
    incremental: false
    limits: { health: 30s, downtime: 5s, max_downtime: 1h30m, engine: 1m, read_rate: 20MB/s }
    drill:
      rto: 15m
      rpo: 26h
      health: 1m
      secrets: [LICENSE]
      environment: { app: { MAIL: false, PORT: 80, NAME: shop } }
      leave_out: [mailer]
      ignore_rows: ["queue_*"]
      manual: [{ step: Point the name, owner: Operations }]
  shop:
`,
      'etc/core.env': 'A=1\n',
    });
    const etc = join(folder.path, 'etc');
    expect(await instanceOf(etc)).toEqual({
      name: 'core',
      project: 'core-live',
      composeFiles: [join(etc, 'compose.yaml'), '/srv/x.yaml'],
      envFile: join(etc, 'core.env'),
      backups: '/var/backups',
      timezone: 'UTC',
      quiesce: 'pause',
      services: { db: { quiesce: 'none' }, web: { quiesce: 'pause' } },
      include: ['a*'],
      exclude: ['b*'],
      copy: 'api',
      hooks: [],
      checks: [],
      format: 'tree',
      volumes: { media: { format: 'archive' }, other: { format: 'tree' } },
      logs: true,
      warm: false,
      incremental: false,
      limits: {
        health: 30_000,
        downtime: 5_000,
        maxDowntime: 5_400_000,
        engine: 60_000,
        readRate: 20_000_000,
      },
      drill: {
        rto: 900_000,
        rpo: 26 * 3_600_000,
        health: 60_000,
        secrets: ['LICENSE'],
        environment: { app: { MAIL: 'false', PORT: '80', NAME: 'shop' } },
        leaveOut: ['mailer'],
        ignoreRows: ['queue_*'],
        manual: [{ step: 'Point the name', owner: 'Operations' }],
        every: 56 * 86_400_000,
        runbook: join(folder.path, 'drills.md'),
      },
      from: 'config',
      configFile: join(etc, 'backup.config.yaml'),
    });
    const shop = await instanceOf(etc, {}, 'shop');
    expect(shop).toMatchObject({ backups: join(folder.path, 'common'), timezone: 'Europe/Paris' });
  });

  test('has its hooks in order, named and with the defaults of their kind', async () => {
    await using folder = await folderWith(
      core(`hooks:
  - { kind: postgres, service: db }
  - { kind: postgres, service: db, name: postgres-db-2, databases: [a], user: u, password: p, globals: false }
  - { kind: postgres, service: db, phase: after-start, timeout: 10s, on_failure: warn }
  - { kind: sqlite, service: app, path: /data/app.db, check: full, checkpoint: false, backup: false }
  - { kind: command, service: app, command: "echo $$HOME", user: "1000", working_dir: /tmp, save: out.txt }
  - { kind: command, host: true, command: [sync], phase: finally }
  - { kind: command, host: true, command: [sync], working_dir: sub }`),
    );
    const base = { phase: 'before-stop', timeout: 300_000, onFailure: 'abort' };
    const postgres = { ...base, kind: 'postgres', service: 'db', timeout: 3_600_000 };
    const sync = { ...base, kind: 'command', command: ['sync'] };
    expect((await instanceOf(folder.path)).hooks).toEqual([
      { ...postgres, name: 'postgres-db', databases: 'all', globals: true },
      { ...postgres, name: 'postgres-db-2', databases: ['a'], user: 'u', password: 'p', globals: false },
      {
        ...postgres,
        name: 'postgres-db-3',
        databases: 'all',
        globals: true,
        phase: 'after-start',
        timeout: 10_000,
        onFailure: 'warn',
      },
      {
        ...base,
        kind: 'sqlite',
        name: 'sqlite-app',
        service: 'app',
        path: '/data/app.db',
        check: 'full',
        checkpoint: false,
        backup: false,
      },
      {
        ...base,
        kind: 'command',
        name: 'command-app',
        service: 'app',
        command: 'echo $HOME',
        user: '1000',
        workingDir: '/tmp',
        save: 'out.txt',
      },
      { ...sync, name: 'command-host', phase: 'finally', workingDir: folder.path },
      { ...sync, name: 'command-host-2', workingDir: join(folder.path, 'sub') },
    ]);
  });

  test('takes variables from the environment, and booleans among them', async () => {
    await using folder = await folderWith(
      core('project: "${STACK}-${N:-1}"\nlogs: ${LOGS}\nexclude: [ "${X:-a*}" ]'),
    );
    const instance = await instanceOf(folder.path, { STACK: 'core', LOGS: 'true' });
    expect(instance).toMatchObject({ project: 'core-1', logs: true, exclude: ['a*'] });
  });

  test('goes to another folder for snapshots when told to', async () => {
    await using folder = await folderWith(core('backups: ${GONE}'));
    const config = await load(folder.path);
    const [instance] = await resolveInstances(config, ['core'], { env: {}, backups: '/elsewhere' });
    expect(instance?.backups).toBe('/elsewhere');
  });
});

describe('the env file', () => {
  test('is env/local/<instance>.env where that exists', async () => {
    await using folder = await folderWith({ ...core(''), 'env/local/core.env': '' });
    expect((await instanceOf(folder.path)).envFile).toBe(join(folder.path, 'env/local/core.env'));
  });

  test('must exist when it is named', async () => {
    await using folder = await folderWith(core('env_file: gone.env'));
    const error = await errorOf(() => instanceOf(folder.path));
    expect(error.code).toBe('env-missing');
    expect(error.message).toBe(
      `backup.config.yaml:3:15: the env file ${folder.path}/gone.env of core does not exist`,
    );
    expect(error.next).toBeTruthy();
  });

  test('must be a file', async () => {
    await using folder = await folderWith(core(''));
    await mkdir(join(folder.path, 'env/local/core.env'), { recursive: true });
    const { message } = await errorOf(() => instanceOf(folder.path));
    expect(message).toMatch(/env file .*core\.env of core is not a file$/);
  });

  test('must be readable for whoever runs this', async () => {
    await using folder = await folderWith({ ...core(''), 'env/local/core.env': 'A=1' });
    await chmod(folder.path, 0o755);
    await chmod(join(folder.path, 'env/local/core.env'), 0o000);
    const { message } = await asNobody(() => errorOf(() => instanceOf(folder.path)));
    expect(message).toMatch(/env file .*core\.env of core cannot be read: permission denied$/);
  });
});

/** Runs `work` without the rights of root, for whom every file is readable. */
const asNobody = async <T>(work: () => Promise<T>): Promise<T> => {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
};

describe('a password', () => {
  const withFile = core('hooks:\n  - { kind: postgres, service: db, password_file: "secrets/${WHICH:-db}" }');

  test.each([
    ['hunter2', 'hunter2'],
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['hunter2\n\n', 'hunter2\n'],
    [' pass $$ ${WHICH} ', ' pass $$ ${WHICH} '],
  ])('in a file, %j, is %j', async (content, password) => {
    await using folder = await folderWith({ ...withFile, 'secrets/db': content });
    expect((await instanceOf(folder.path)).hooks[0]).toMatchObject({ password });
  });

  test.each([
    ['', 'is empty'],
    ['\n', 'is empty'],
    ['hunter2\0', 'holds a NUL byte'],
    [Buffer.from('hunter2\xff', 'latin1'), 'is not UTF-8 text'],
    ['hunter2'.repeat(10_000), 'is too large to be a secret (over 64 KiB)'],
  ])('in an unusable file is an error that does not hold it', async (content, reason) => {
    await using folder = await folderWith({ ...withFile, 'secrets/db': content });
    const error = await errorOf(() => instanceOf(folder.path));
    expect(error.code).toBe('env-missing');
    expect(error.message).toBe(
      `backup.config.yaml:4:55: the password file ${folder.path}/secrets/db of core ${reason}`,
    );
    expect(JSON.stringify([error, error.next, error.details])).not.toContain('hunter2');
  });

  test('in a file that is gone or no file is an error', async () => {
    await using folder = await folderWith({ ...withFile, 'secrets/directory/x': '' });
    expect((await errorOf(() => instanceOf(folder.path))).message).toMatch(
      /secrets\/db of core does not exist$/,
    );
    const directory = await errorOf(() => instanceOf(folder.path, { WHICH: 'directory' }));
    expect(directory.message).toMatch(/secrets\/directory of core is not a file$/);
    const below = await errorOf(() => instanceOf(folder.path, { WHICH: 'directory/x/y' }));
    expect(below.message).toMatch(/does not exist$/);
  });
});

describe('what is missing', () => {
  const text = `
backups: \${WHERE}
instances:
  core:
    project: \${PROJECT}
    env_file: gone.env
    hooks:
      - kind: postgres
        service: db
        password: \${PASSWORD}\${PASSWORD}
      - { kind: postgres, service: db, password_file: gone }
  shop: { timezone: "\${ZONE}" }
  blog: \${BLOG}
`;

  test('is told all at once, with variable, key and place', async () => {
    await using folder = await folderWith({ 'backup.config.yaml': text });
    const { code, message } = await errorOf(() => instanceOf(folder.path));
    expect(code).toBe('env-missing');
    expect(message).toBe(`5 problems
  backup.config.yaml:2:10: the variable WHERE is not set, and backups needs it
  backup.config.yaml:5:14: the variable PROJECT is not set, and instances.core.project needs it
  backup.config.yaml:6:15: the env file ${folder.path}/gone.env of core does not exist
  backup.config.yaml:10:19: the variable PASSWORD is not set, and instances.core.hooks[0].password needs it
  backup.config.yaml:11:55: the password file ${folder.path}/gone of core does not exist`);
  });

  test('does not matter for other instances', async () => {
    await using folder = await folderWith({ 'backup.config.yaml': text });
    const shop = await instanceOf(folder.path, { WHERE: 'b', ZONE: 'UTC' }, 'shop');
    expect(shop).toMatchObject({ backups: join(folder.path, 'b'), timezone: 'UTC' });
    const { message } = await errorOf(() => instanceOf(folder.path, { WHERE: 'b' }, 'blog'));
    expect(message).toBe(
      'backup.config.yaml:13:9: the variable BLOG is not set, and instances.blog needs it',
    );
  });

  test('leaves the map of instances a mistake', async () => {
    await using folder = await folderWith({ 'backup.config.yaml': 'instances: a${X}\n' });
    const error = await errorOf(() => load(folder.path));
    expect(error).toMatchObject({
      code: 'config-invalid',
      message: 'backup.config.yaml:1:12: instances must be a map of instances, not what "a${X}" gives',
    });
  });
});

describe('the time zone of the process', () => {
  test.each([
    ['Asia/Tokyo', 'Asia/Tokyo'],
    [':Asia/Tokyo', 'Asia/Tokyo'],
  ])('is TZ %s', (TZ, zone) => {
    expect(processTimezone({ TZ })).toBe(zone);
  });

  test.each(['', 'No/Where', 'CET-1CEST,M3.5.0'])('is that of the machine when TZ is %j', (TZ) => {
    expect(processTimezone({ TZ })).toBe(processTimezone({}));
    expect(() => new Intl.DateTimeFormat('en', { timeZone: processTimezone({ TZ }) })).not.toThrow();
  });
});

test('a running project is an instance with every default', async () => {
  await using folder = await folderWith(core(''));
  const { configFile: _none, ...named } = await instanceOf(folder.path);
  expect(instanceFromRunning('core', join(folder.path, 'backups'), 'UTC')).toEqual({
    ...named,
    timezone: 'UTC',
    from: 'running',
  });
});

describe('any valid configuration', () => {
  const plain = fc.stringMatching(/^[a-zA-Z0-9_./ $-]{1,20}$/);
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,10}$/).map((text) => `i${text}`);
  const duration = fc.constantFrom('1s', '90s', '5m', '1h30m', '2d');
  const optional = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
    fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
  const times = {
    timeout: duration,
    on_failure: fc.constantFrom('abort', 'warn'),
    phase: fc.constantFrom('before-stop', 'after-start'),
  };
  const hook = fc.oneof(
    optional({
      ...times,
      databases: fc.oneof(fc.constant('all'), fc.uniqueArray(plain, { minLength: 1 })),
      user: plain,
      password: plain,
      globals: fc.boolean(),
    }).map((more) => ({ kind: 'postgres', service: 'db', ...more })),
    optional({ ...times, check: fc.constantFrom('quick', 'full'), backup: fc.boolean() }).map((more) => ({
      kind: 'sqlite',
      service: 'app',
      path: '/data/a.db',
      ...more,
    })),
    optional({ ...times, user: plain }).map((more) => ({
      kind: 'command',
      service: 'app',
      command: ['true', '$HOME'],
      ...more,
    })),
  );
  const instance = optional({
    compose_files: fc.uniqueArray(plain),
    backups: plain,
    timezone: fc.constantFrom('UTC', 'Europe/Berlin'),
    quiesce: fc.constantFrom('stop', 'pause', 'none'),
    services: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.constant({ quiesce: 'none' })),
    include: fc.array(plain),
    exclude: fc.array(plain),
    copy: fc.constantFrom('auto', 'host', 'api'),
    hooks: fc.array(hook, { maxLength: 4 }),
    logs: fc.boolean(),
    warm: fc.boolean(),
    incremental: fc.boolean(),
    limits: optional({
      ...{ health: duration, downtime: duration, max_downtime: duration, engine: duration },
      read_rate: fc.constantFrom('0', '20MB/s', '1.5GB'),
    }),
  });
  const config = optional({
    backups: plain,
    timezone: fc.constant('UTC'),
    instances: fc.dictionary(name, fc.oneof(instance, fc.constant(null))),
  });
  const written = (value: unknown): string =>
    JSON.stringify(value, (_, item) => (typeof item === 'string' ? escapeDollars(item) : item));

  test('gives its instances, complete and with absolute paths, and what it says comes through', async () => {
    await using folder = await folderWith({});
    await fc.assert(
      fc.asyncProperty(config, async (value) => {
        await writeFile(join(folder.path, 'backup.config.yaml'), written(value));
        const loaded = await load(folder.path);
        expect(loaded.raw).toEqual(value as RawConfig);
        const names = Object.keys(loaded.raw.instances ?? {});
        const instances = await resolveInstances(loaded, names, { env: {} });
        expect(instances.map((one) => one.name)).toEqual(names);
        for (const one of instances) {
          const raw: RawInstance = loaded.raw.instances?.[one.name] ?? {};
          expect([one.backups, ...one.composeFiles].every((path) => path.startsWith('/'))).toBe(true);
          expect(new Set(one.hooks.map((hook) => hook.name)).size).toBe(raw.hooks?.length ?? 0);
          expect(one.include).toEqual(raw.include ?? []);
          expect(one.limits.health).toBeGreaterThan(0);
          for (const hook of one.hooks) expect(hook.timeout).toBeGreaterThan(0);
        }
      }),
      { numRuns: casesOf(300) },
    );
  });
});
