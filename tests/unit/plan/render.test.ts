import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import type { HookConfig } from '../../../src/config/types.ts';
import { planBackup } from '../../../src/plan/backup.ts';
import { planToJson } from '../../../src/plan/json.ts';
import { renderPlan } from '../../../src/plan/render.ts';
import type { BackupPlan } from '../../../src/plan/types.ts';
import { nastyName } from '../../support/events.ts';
import { bindMount, instanceWith, stackFrom, volumeMount } from '../../support/stack-builder.ts';

const secret = 'hunter2-correct-horse';

const hooks: readonly HookConfig[] = [
  {
    kind: 'postgres',
    name: 'postgres-db',
    service: 'db',
    phase: 'before-stop',
    timeout: 600_000,
    onFailure: 'abort',
    databases: 'all',
    password: secret,
    globals: true,
  },
  {
    kind: 'sqlite',
    name: 'sqlite-app',
    service: 'app',
    phase: 'while-stopped',
    timeout: 60_000,
    onFailure: 'warn',
    path: '/data/app.db',
    check: 'quick',
    checkpoint: true,
    backup: false,
  },
  {
    kind: 'command',
    name: 'tell',
    phase: 'finally',
    timeout: 5000,
    onFailure: 'warn',
    command: ['/usr/bin/curl', '-u', `me:${secret}`, 'https://example.org'],
  },
];

const stack = {
  ...stackFrom([
    {
      id: 'db',
      name: 'shop-db-1',
      health: 'healthy',
      env: [`POSTGRES_PASSWORD=${secret}`],
      mounts: [volumeMount('shop_db', '/var/lib/postgresql/data')],
    },
    {
      id: 'app',
      name: 'shop-app-1',
      dependsOn: 'db:service_healthy:false',
      env: [`DATABASE_URL=postgres://shop:${secret}@db/shop`],
      mounts: [
        volumeMount('shop_data', '/data'),
        bindMount('/srv/shop/uploads', '/uploads'),
        bindMount('/srv/shop/shop.json', '/etc/shop.json', false),
      ],
    },
    { id: 'migrate', name: 'shop-migrate-1', state: 'exited', dependsOn: 'db:service_healthy:false' },
    { id: 'proxy', name: 'shop-proxy-1', networkMode: 'container:app' },
  ]),
  model: { services: { db: { environment: { POSTGRES_PASSWORD: secret } } } },
  warnings: [
    {
      code: 'drift',
      about: 'proxy',
      message: 'proxy runs with another configuration than its compose file says',
      notice: true as const,
    },
    {
      code: 'model-unreadable',
      message: 'the compose files could not be read; what their labels say is used',
    },
  ],
};

const sizes = new Map([
  ['shop_db', { entries: 1204, files: 1100, bytes: 48_318_720, allocated: 48_400_000 }],
  ['/srv/shop/uploads', { entries: 51, files: 50, bytes: 309_000, allocated: 400_000 }],
]);

const plan = planBackup(instanceWith({ hooks, services: { proxy: { quiesce: 'pause' } } }), stack, sizes);

describe('a plan on paper', () => {
  it('shows every part with its reason, in 80 columns', () => {
    expect(renderPlan(plan, { color: false })).toMatchInlineSnapshot(`
      "shop  project shop · quiesce: stop

      Quieted, wave by wave
        1  shop-proxy-1  stop  shares the network namespace of shop-app-1, which is
                               stopped
        2  shop-app-1    stop  quiesce: stop
        3  shop-db-1     stop  quiesce: stop
        Afterwards they come back in the opposite order. shop-db-1 must be healthy
        again.

      Left as they are
        shop-migrate-1  exited  not running (ended with 0); stays so

      Copied, 49 MB in 1,150 files
        From the host: its host path can be read
          shop_data  unknown    clean
        From the host while the services run, then what changed: its host path can be
        read
          shop_db             48 MB  1,100 files  clean
          /srv/shop/uploads  309 kB     50 files  clean

      Left out
        /srv/shop/shop.json  bind  a read-only bind: no service can change it (app)

      Hooks
        before-stop    postgres-db  pg_dump in db: all databases, globals (timeout 10
                                    min, on_failure: abort)
        while-stopped  sqlite-app   SQLite /data/app.db of app: quick check,
                                    checkpoint (timeout 1 min, on_failure: warn)
        finally        tell         curl on this host (timeout 5.0 s, on_failure:
                                    warn)

      Warnings
        · proxy runs with another configuration than its compose file says
        ! the compose files could not be read; what their labels say is used

      Needs 66 MB and 1,321 inodes in /backups, and the size of 1 mount that cannot be
      measured before.
      Predicted downtime: 3.6 s.
      "
    `);
  });

  it('fits a narrow terminal', () => {
    expect(renderPlan(plan, { color: false, width: 44 })).toMatchInlineSnapshot(`
      "shop  project shop · quiesce: stop

      Quieted, wave by wave
        1  shop-proxy-1  stop
          shares the network namespace of
          shop-app-1, which is stopped
        2  shop-app-1    stop
          quiesce: stop
        3  shop-db-1     stop
          quiesce: stop
        Afterwards they come back in the opposite
        order. shop-db-1 must be healthy again.

      Left as they are
        shop-migrate-1  exited
          not running (ended with 0); stays so

      Copied, 49 MB in 1,150 files
        From the host: its host path can be read
          shop_data  unknown    clean
        From the host while the services run, then
        what changed: its host path can be read
          shop_db      48 MB  1,100 files  clean
          /srv/…oads  309 kB     50 files  clean

      Left out
        /srv/shop/shop.json  bind
          a read-only bind: no service can change
          it (app)

      Hooks
        before-stop    postgres-db
          pg_dump in db: all databases, globals
          (timeout 10 min, on_failure: abort)
        while-stopped  sqlite-app
          SQLite /data/app.db of app: quick check,
          checkpoint (timeout 1 min, on_failure:
          warn)
        finally        tell
          curl on this host (timeout 5.0 s,
          on_failure: warn)

      Warnings
        · proxy runs with another configuration
          than its compose file says
        ! the compose files could not be read;
          what their labels say is used

      Needs 66 MB and 1,321 inodes in /backups,
      and the size of 1 mount that cannot be
      measured before.
      Predicted downtime: 3.6 s.
      "
    `);
  });

  it('says so when nothing runs and nothing is kept', () => {
    const idle = stackFrom([{ id: 'db', name: 'shop-db-1', state: 'exited' }]);
    expect(renderPlan(planBackup(instanceWith(), idle, new Map()), { color: false })).toMatchInlineSnapshot(`
      "shop  project shop · quiesce: stop

      Quieted, wave by wave
        Nothing runs that has to be quiet: no service is touched.

      Left as they are
        shop-db-1  exited  not running (ended with 0); stays so

      Copied
        Nothing: there is no data to keep.

      Needs 17 MB and 64 inodes in /backups.
      No downtime.
      "
    `);
  });

  it('is the same in colours', () => {
    const painted = renderPlan(plan, { color: true });
    expect(painted).toMatch(/\x1b\[1m/);
    expect(painted.replaceAll(/\x1b\[\d+m/g, '')).toBe(renderPlan(plan, { color: false }));
  });

  it('shows no secret', () => {
    expect(JSON.stringify(plan)).toContain(secret);
    expect(renderPlan(plan, { color: false, width: 500 })).not.toContain(secret);
  });

  it('never lets a name move the cursor or leave its line', () => {
    fc.assert(
      fc.property(
        fc.array(nastyName, { minLength: 7, maxLength: 7 }),
        fc.integer({ min: 20, max: 160 }),
        (names, width) => {
          const text = renderPlan(withNames(plan, names as [string, ...string[]]), { color: false, width });
          expect(text.endsWith('\n')).toBe(true);
          for (const line of text.split('\n')) {
            expect(line).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
            expect(stringWidth(line)).toBeLessThanOrEqual(width);
          }
        },
      ),
    );
  });
});

/** The plan with foreign names in every place that takes one. */
const withNames = (from: BackupPlan, names: readonly string[]): BackupPlan => {
  const name = (at: number): string => names[at] ?? '';
  return {
    ...from,
    stopWaves: from.stopWaves.map((wave) => wave.map((one) => ({ ...one, name: name(0), reason: name(1) }))),
    untouched: from.untouched.map((one) => ({ ...one, name: name(0), state: name(2) })),
    copies: from.copies.map((copy) => ({ ...copy, task: { ...copy.task, name: name(3) }, reason: name(4) })),
    skipped: from.skipped.map((one) => ({ ...one, name: name(3), kind: name(5), services: [name(6)] })),
    hooks: from.hooks.map((hook) => ({ ...hook, name: name(5) })),
    warnings: [{ code: 'odd', message: name(6) }],
  };
};

describe('a plan for machines', () => {
  const json = planToJson(plan);

  it('survives JSON and holds no secret', () => {
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(JSON.stringify(json)).not.toContain(secret);
  });

  it('names its parts', () => {
    expect(json.stopWaves.map((wave) => wave.map(({ name, action }) => [name, action]))).toEqual([
      [['shop-proxy-1', 'stop']],
      [['shop-app-1', 'stop']],
      [['shop-db-1', 'stop']],
    ]);
    expect(json.untouched.map(({ name, state }) => [name, state])).toEqual([['shop-migrate-1', 'exited']]);
    expect(
      json.copies.map(({ name, method, services, size }) => [name, method, services, size?.bytes]),
    ).toEqual([
      ['shop_data', 'host', ['app'], undefined],
      ['shop_db', 'host', ['db'], 48_318_720],
      ['/srv/shop/uploads', 'host', ['app'], 309_000],
    ]);
    expect(json.hooks.map(({ name, does }) => [name, does])).toEqual([
      ['postgres-db', 'pg_dump in db: all databases, globals'],
      ['sqlite-app', 'SQLite /data/app.db of app: quick check, checkpoint'],
      ['tell', 'curl on this host'],
    ]);
  });

  it('says how fast may be read while services run, where that is limited', () => {
    const stack = stackFrom([{ id: 'a', mounts: [volumeMount('in', '/1')] }]);
    const size = { entries: 1, files: 1, bytes: 2000, allocated: 4096 };
    const { limits } = instanceWith();
    const planned = (readRate: number) =>
      planBackup(instanceWith({ limits: { ...limits, readRate } }), stack, new Map([['in', size]]));
    const words = 'while the services run (at 20 MB/s at most), then';
    expect(renderPlan(planned(20_000_000), { color: false, width: 200 })).toContain(words);
    expect(renderPlan(planned(0), { color: false, width: 200 })).not.toContain('at most), then');
    expect([planned(20_000_000), planned(0)].map((plan) => planToJson(plan).readRate)).toEqual([
      20_000_000,
      null,
    ]);
  });

  it('says null where nothing stops', () => {
    const idle = stackFrom([{ id: 'db', state: 'exited' }]);
    expect(planToJson(planBackup(instanceWith(), idle, new Map())).predictedDowntimeMs).toBeNull();
  });
});
