import { open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadSchema } from '../../../src/base/schema.ts';
import { readManifest } from '../../../src/snapshot/manifest.ts';
import type { Manifest } from '../../../src/snapshot/types.ts';
import { snapshotsIn } from '../../support/backups.ts';
import { docker } from '../../support/containers.ts';
import { type Damage, damagedCopy } from '../../support/drill/altered.ts';
import {
  gatewayOf,
  hostListener,
  inInternalNetwork,
  outsideMachine,
  reachFrom,
} from '../../support/drill/reach.ts';
import { clean, type DrillJson, drillsIn, leftBy, sandboxOf } from '../../support/drill/sandboxes.ts';
import { type ExampleStack, startExample } from '../../support/example-stack.ts';
import { runTool } from '../../support/tool.ts';

const checks = [
  { name: 'orders', service: 'db', sql: 'SELECT count(*) FROM orders' },
  { name: 'keys', service: 'cache', command: ['redis-cli', 'DBSIZE'] },
  {
    name: 'rows',
    service: 'app',
    path: '/data/app.db',
    sql: 'SELECT count(*) FROM sqlite_master',
    expect: 'same',
  },
];

const configOf = ({ project }: ExampleStack, every: string) => ({
  backups: './backups',
  timezone: 'UTC',
  drills: { runbook: './drills.md', every },
  instances: {
    shop: {
      project,
      compose_files: ['compose.yaml'],
      env_file: 'stack.env',
      hooks: [
        { kind: 'postgres', service: 'db', databases: ['shop'] },
        { kind: 'sqlite', service: 'app', path: '/data/app.db' },
      ],
      checks,
      drill: {
        rto: '2h',
        rpo: '2d',
        manual: [{ step: 'Point the name at the new machine', owner: 'Operations' }],
      },
    },
  },
});

/** Deletes rows by a server of its own, which puts its files in order when it ends. */
const deleteRows = async (tree: string): Promise<void> => {
  const single = `echo "DELETE FROM orders WHERE ctid IN (SELECT ctid FROM orders LIMIT 3)" | exec postgres --single -D /cluster shop`;
  const options = ['--rm', '--network', 'none', '--user', 'postgres', '-v', `${tree}:/cluster`];
  await docker('run', ...options, 'stack-backup-example/db', 'sh', '-c', single);
};

const zeroPage = async (path: string): Promise<void> => {
  await using file = await open(path, 'r+');
  await file.write(Buffer.alloc(4096), 0, 4096, 8192);
};

const damage: Damage = async ({ users }, tree) => {
  const at = users[0]?.destination;
  if (at === '/var/lib/postgresql/data') await deleteRows(tree);
  if (at === '/data' && users[0]?.service === 'app') await zeroPage(join(tree, 'app.db'));
  if (at === '/uploads') for (const name of (await readdir(tree)).slice(0, 2)) await rm(join(tree, name));
};

// A second stack comes and goes in each: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });
const patience = { killAfterMs: 380_000 };

describe('a drill of the example', () => {
  let stack: ExampleStack;
  let snapshot: string;
  let manifest: Manifest;
  const tool = (...args: readonly string[]) => runTool(args, { cwd: stack.folder, ...patience });
  const drill = async (...args: readonly string[]) => {
    const ended = await tool('drill', ...args, '--json');
    if (ended.stdout === '') throw new Error(ended.stderr);
    return { ...ended, said: JSON.parse(ended.stdout) as DrillJson };
  };

  beforeAll(async () => {
    stack = await startExample({ replicas: 1 });
    await writeFile(stack.config, JSON.stringify(configOf(stack, '30d')));
    const ended = await tool('shop');
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0 });
    [snapshot = ''] = await snapshotsIn(stack.backups);
    manifest = await readManifest(snapshot);
  });
  afterAll(() => stack?.down());

  it('must hold in a sandbox that reaches nothing, and leave the original at work', async () => {
    const before = await stack.ps();
    const { exitCode, said, stderr } = await drill('shop', '--keep');
    expect({ exitCode, failures: said.failures, stderr }).toMatchObject({ exitCode: 0, failures: [] });
    const about = (kind: string) => said.results.filter((one) => one.kind === kind).map((one) => one.about);
    expect(about('health').sort()).toEqual(['app', 'cache', 'db', 'proxy', 'worker']);
    expect(about('check').sort()).toEqual(['keys', 'orders', 'rows']);
    const volumes = ['cache', 'db', 'shop'].map((name) => `${stack.project}_${name}`);
    expect(about('files')).toEqual(expect.arrayContaining([...volumes, expect.stringMatching(/\/uploads$/)]));
    expect(about('sqlite')).toEqual([expect.stringMatching(/: app\.db$/)]);
    expect(about('rows')).toContain('shop.public.orders');

    const sandbox = (service: string) => `${said.project}-${service}-1`;
    const environment = await docker('inspect', '--format', '{{json .Config.Env}}', sandbox('db'));
    expect(environment).not.toContain(stack.env.POSTGRES_PASSWORD);
    expect(environment).toContain('POSTGRES_USER=shop');

    await using host = await hostListener();
    await using outside = await outsideMachine();
    await using internal = await inInternalNetwork('stack-backup-example/app');
    const database = await docker(
      'inspect',
      '--format',
      '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}',
      await stack.container('db'),
    );
    const [own, originals] = await Promise.all(
      [`${said.project}_default`, `${stack.project}_default`].map(gatewayOf),
    );
    const places = {
      original: `${database}:5432`,
      host: `${originals}:${host.port}`,
      outside: outside.place,
    };
    // The probes find what is there from where there is a way, through an internal network's gateway, too.
    expect(await reachFrom(await stack.container('app'), places)).toEqual({
      original: 'open',
      host: 'open',
      outside: 'open',
    });
    const gateway = { gateway: `${internal.gateway}:${host.port}` };
    expect(await reachFrom(internal.container, gateway)).toEqual({ gateway: 'open' });
    expect(
      await reachFrom(sandbox('app'), {
        ...places,
        gateway: `${own}:${host.port}`,
        internal: `${internal.gateway}:${host.port}`,
        cache: 'cache:6379',
      }),
    ).toEqual({
      original: 'closed',
      host: 'closed',
      outside: 'closed',
      gateway: 'closed',
      internal: 'closed',
      cache: 'open',
    });

    expect(await tool('drill', '--remove', said.run)).toMatchObject({ exitCode: 0 });
    expect(await leftBy(said.run, stack.backups)).toEqual(clean);
    expect(await stack.ps()).toEqual(before);
  });

  it('must stand in the history and in the runbook, and is not due again', async () => {
    const [line] = await drillsIn(stack.backups);
    const validate = loadSchema('history.schema.json');
    expect(validate(line), JSON.stringify(validate.errors)).toBe(true);
    expect(line).toMatchObject({ outcome: 'passed', data: 'files', rto: { met: true }, rpo: { met: true } });
    const runbook = await readFile(join(stack.folder, 'drills.md'), 'utf8');
    expect(runbook).toMatch(/^# Drills\n/);
    expect(runbook).toMatch(/^## \d{4}-\d\d-\d\d \d\d:\d\d UTC: shop$/m);
    expect(runbook).toMatch(/^- Result: passed/m);
    expect(runbook).toMatch(/^- Point the name at the new machine \(Operations\)$/m);
    expect(await tool('drill', '--all', '--due', '--quiet')).toMatchObject({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
    expect(await drillsIn(stack.backups)).toHaveLength(1);
  });

  it('must hold with databases from their dumps alone, when it is due', async () => {
    await writeFile(stack.config, JSON.stringify(configOf(stack, '1ms')));
    const { exitCode, said, stderr } = await drill('--all', '--due', '--dumps');
    expect({ exitCode, failures: said.failures, stderr }).toMatchObject({ exitCode: 0, failures: [] });
    const loaded = said.results
      .filter(({ message }) => message.startsWith('was loaded'))
      .map(({ about }) => about);
    expect(loaded.sort()).toEqual(
      manifest.dumps
        .filter(({ kind, database }) => kind !== 'postgres' || database)
        .map(({ path }) => path)
        .sort(),
    );
    expect(await leftBy(said.run, stack.backups)).toEqual(clean);
  });

  it('must fail for rows, files and pages that are gone, and name each', async () => {
    const backups = join(stack.folder, 'damaged');
    await damagedCopy(snapshot, backups, damage);
    const { exitCode, said } = await drill('shop', '--backups', backups);
    expect(exitCode).toBe(6);
    const failed = said.failures.map(({ kind, about }) => `${kind} ${about}`);
    expect(failed).toContain('check orders');
    expect(failed).toContain(`files ${stack.uploads}`);
    expect(failed).toContainEqual(expect.stringMatching(/^sqlite .*: app\.db$/));
    expect(said.results).toContainEqual(expect.objectContaining({ about: 'keys', ok: true }));
    expect(said.results).toContainEqual(expect.objectContaining({ kind: 'health', about: 'db', ok: true }));
    expect(await leftBy(said.run, backups)).toEqual(clean);
    expect((await sandboxOf(said.run)).containers).toEqual([]);
  });
});
