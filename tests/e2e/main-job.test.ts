import { appendFile, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkInvariant, holds } from '../../examples/core/invariant.ts';
import { run } from '../../src/base/process.ts';
import { readers } from '../../src/copy/readers.ts';
import type { Manifest } from '../../src/snapshot/types.ts';
import { type Verification, verifySnapshot } from '../../src/snapshot/verify.ts';
import { flip } from '../support/damages.ts';
import { type ExampleStack, startExample } from '../support/example-stack.ts';
import {
  type ContainerEvent,
  type ContainerState,
  runTool,
  startOrder,
  states,
  watchEvents,
} from '../support/scratch.ts';

/** What must be the same afterwards; when a container was started is not. */
const lasting = (all: readonly ContainerState[]) =>
  all.map(({ id, name, state, health, restartPolicy }) => ({ id, name, state, health, restartPolicy }));

/** The same question to three stores: what they say must be what the copies hold. */
const checks = `\
    checks:
      - { name: postgres, service: db, timeout: 60s, sql: SELECT count(*) FROM orders }
      - { name: redis, service: cache, timeout: 60s, command: "redis-cli --scan --pattern 'order:*' | wc -l" }
      - { name: sqlite, service: app, timeout: 60s, path: /data/app.db, sql: SELECT count(*) FROM orders, expect: ">= snapshot" }
`;

const firstOf = (events: readonly ContainerEvent[], action: string, service: string): number =>
  events.findIndex((event) => event.action === action && event.service === service);

const lastOf = (events: readonly ContainerEvent[], action: string, service: string): number =>
  events.findLastIndex((event) => event.action === action && event.service === service);

describe('a snapshot of the example stack', () => {
  let shop: ExampleStack;
  let before: readonly ContainerState[];
  let after: readonly ContainerState[];
  let order: readonly string[];
  let events: readonly ContainerEvent[];
  let snapshot: string;
  let manifest: Manifest;
  let ended: Awaited<ReturnType<typeof runTool>>;

  beforeAll(async () => {
    shop = await startExample();
    await appendFile(shop.config, checks);
    before = await states(shop.project);
    const since = new Date();
    await using watch = await watchEvents(shop.project);
    ended = await runTool(['shop', '--tag', 'sha=1f3a9c', '--note', 'by a test', '--logs'], {
      cwd: shop.folder,
    });
    events = await watch.end();
    after = await states(shop.project);
    order = await startOrder(shop.project, since);
    const name = (await readdir(shop.backups)).find((one) => one.startsWith('shop-')) ?? 'none';
    snapshot = join(shop.backups, name);
    manifest = JSON.parse(await readFile(join(snapshot, 'manifest.json'), 'utf8')) as Manifest;
  });
  afterAll(() => shop?.down());

  it('must end well and name the folder on the last line of stdout', () => {
    expect({ exitCode: ended.exitCode, stderr: ended.stderr }).toMatchObject({ exitCode: 0 });
    expect(ended.stdout.trim().split('\n').at(-1)).toContain(snapshot);
  });

  it('must leave every container as it was: same id, state, health and restart policy', () => {
    expect(lasting(after)).toEqual(lasting(before));
    expect(before.map((one) => one.state)).toContain('exited');
  });

  it('must not run the one-shot again, nor start what was stopped', () => {
    const untouched = (all: readonly ContainerState[]) =>
      all
        .filter((one) => ['migrate', 'reports'].includes(one.service))
        .map(({ name, startedAt }) => ({ name, startedAt }));
    expect(untouched(after)).toEqual(untouched(before));
    expect(untouched(after)).toHaveLength(2);
  });

  it('must start what it stopped in dependency order, each replica once', () => {
    expect([...order].sort()).toEqual(['app-1', 'cache-1', 'db-1', 'proxy-1', 'worker-1', 'worker-2']);
    const at = (name: string): number => order.indexOf(name);
    expect(at('app-1')).toBeGreaterThan(Math.max(at('db-1'), at('cache-1')));
    for (const dependent of ['worker-1', 'worker-2', 'proxy-1'])
      expect(at(dependent)).toBeGreaterThan(at('app-1'));
    const starts = events.filter((event) => event.action === 'start');
    expect(starts).toHaveLength(6);
  });

  it('must stop dependents before what they need', () => {
    expect(lastOf(events, 'die', 'worker')).toBeLessThan(firstOf(events, 'kill', 'app'));
    expect(lastOf(events, 'die', 'proxy')).toBeLessThan(firstOf(events, 'kill', 'app'));
    expect(lastOf(events, 'die', 'app')).toBeLessThan(firstOf(events, 'kill', 'db'));
    expect(lastOf(events, 'die', 'app')).toBeLessThan(firstOf(events, 'kill', 'cache'));
  });

  it('must run the lifecycle hooks of the compose file, once each', async () => {
    const data = manifest.mounts.find((mount) => mount.name.endsWith('_shop'));
    const copied = await readFile(join(snapshot, data?.path ?? '', 'lifecycle.log'), 'utf8');
    // Compose ran post_start at its own start; ours of this run come after it, pre_stop before the copy.
    expect(copied).toBe('post_start\npre_stop\n');
    const app = before.find((one) => one.service === 'app')?.id ?? '';
    const live = await run(['docker', 'exec', app, 'cat', '/data/lifecycle.log']);
    expect(live.stdout.toString()).toBe('post_start\npre_stop\npost_start\n');
  });

  it('must hold the same orders in all four stores, from the files and from the dumps', async () => {
    const files = await checkInvariant(snapshot);
    expect(files.orders).toBeGreaterThan(0);
    expect(holds(files), JSON.stringify(files.missing)).toBe(true);
    // The checks were asked at the very moment of the copy.
    expect(manifest.checks?.map(({ name, ok, value, exact }) => ({ name, ok, value, exact }))).toEqual(
      ['postgres', 'redis', 'sqlite'].map((name) => ({
        name,
        ok: true,
        value: String(files.orders),
        exact: true,
      })),
    );
    const dumps = await checkInvariant(snapshot, { from: 'dumps' });
    expect(dumps.orders).toBeGreaterThan(0);
  });

  it('must copy every kind of persistent mount once and say why it left out the rest', () => {
    const short = (name: string): string => name.replace(shop.project, 'P').replace(shop.folder, 'F');
    const anonymous = manifest.mounts.filter((mount) => mount.anonymous);
    expect(anonymous).toHaveLength(1);
    const named = manifest.mounts.filter((mount) => !mount.anonymous).map((mount) => short(mount.name));
    expect(named.sort()).toEqual(['F/uploads', 'P_archive', 'P_cache', 'P_db', 'P_shop']);
    const shared = manifest.mounts.find((mount) => mount.name.endsWith('_shop'));
    expect(shared?.users.map((user) => user.service).sort()).toEqual(['app', 'worker']);
    expect(manifest.mounts.find((mount) => mount.name === shop.archiveVolume)?.external).toBe(true);
    const skipped = manifest.skipped.map((one) => `${one.kind} ${short(one.name)}: ${one.reason}`);
    expect(skipped).toEqual(
      [
        'tmpfs /tmp: tmpfs: in memory only, gone at every stop',
        'bind F/config/shop.json: a read-only bind: no service can change it',
      ].sort((a, b) => (a.split(' ')[1] ?? '').localeCompare(b.split(' ')[1] ?? '')),
    );
  });

  it('must be accepted by plain sha256sum, and by verify', async () => {
    const sums = await run(['sha256sum', '--check', '--quiet', '--strict', 'SHA256SUMS'], { cwd: snapshot });
    expect({ exitCode: sums.exitCode, stderr: sums.stderr }).toEqual({ exitCode: 0, stderr: '' });
    const verified = await runTool(['verify', 'shop'], { cwd: shop.folder });
    expect(verified).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('must measure the downtime of what was down, and of nothing else', () => {
    const services = manifest.downtime.services;
    expect(services.migrate).toBe(0);
    expect(services.reports).toBe(0);
    for (const service of ['db', 'cache', 'app', 'worker', 'proxy'])
      expect(services[service]).toBeGreaterThan(0);
    expect(manifest.downtime.maxMs).toBe(Math.max(...Object.values(services)));
    expect(manifest.downtime.windowMs).toBeLessThan(manifest.downtime.maxMs);
  });

  it('must keep the folder to its owner and every secret out of what it wrote', async () => {
    expect((await stat(snapshot)).mode & 0o777).toBe(0o700);
    expect((await stat(join(snapshot, 'manifest.json'))).mode & 0o777).toBe(0o600);
    const said = [ended.stdout, ended.stderr, JSON.stringify(manifest)];
    for (const file of await readdir(join(snapshot, 'compose')))
      said.push(await readFile(join(snapshot, 'compose', file), 'utf8'));
    said.push(await readFile(join(shop.backups, '.stack-backup/history.ndjson'), 'utf8'));
    expect(said.filter((text) => text.includes(shop.env.POSTGRES_PASSWORD ?? ''))).toEqual([]);
  });

  it('must leave no journal, no temporary folder and no helper container', async () => {
    expect(await readdir(join(shop.backups, '.stack-backup/tmp'))).toEqual([]);
    expect(await readdir(join(shop.backups, '.stack-backup/runs'))).toEqual([]);
    expect((await states(shop.project)).map((one) => one.name)).toEqual(before.map((one) => one.name));
  });

  it('must keep tags, note and logs', async () => {
    expect(manifest.tags).toEqual({ sha: '1f3a9c' });
    expect(manifest.note).toBe('by a test');
    expect(await readdir(join(snapshot, 'logs'))).toContain(`${shop.project}-app-1.log.zst`);
  });

  /** The snapshot is damaged from here on. */
  it('must be found damaged when one byte of it changed, whatever kind of file it is in, and name the file', async () => {
    const of = (name: string) => manifest.mounts.find((mount) => mount.name === `${shop.project}_${name}`);
    const dumpAs = (format: string) => manifest.dumps.find((dump) => dump.format === format)?.path;
    const files = {
      tree: `${of('db')?.path}/base/1/pg_filenode.map`,
      index: of('shop')?.index,
      dump: dumpAs('pg_dump custom'),
      globals: dumpAs('pg_dumpall globals'),
      sqlite: dumpAs('sqlite'),
      compose: 'compose/model.json',
      log: `logs/${shop.project}-app-1.log.zst`,
    };
    for (const path of Object.values(files)) await flip(join(snapshot, path ?? 'no such file'), 9);
    const verified = await runTool(['verify', snapshot, '--json'], { cwd: shop.folder });
    expect(verified).toMatchObject({ exitCode: 6, stderr: '' });
    const { problems } = JSON.parse(verified.stdout) as Verification;
    expect(new Set(problems.map(({ path }) => path))).toEqual(new Set(Object.values(files)));
    for (const own of ['SHA256SUMS', 'manifest.json']) {
      await flip(join(snapshot, own), 9);
      const found = await verifySnapshot(snapshot, { readers });
      expect(found.ok).toBe(false);
      expect(found.problems.map(({ path }) => path)).toContain(own);
      await flip(join(snapshot, own), 9);
    }
  });
});
