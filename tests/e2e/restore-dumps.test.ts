import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../src/snapshot/types.ts';
import { observe } from '../faults/boundaries/observe.ts';
import { lasting, lastRun, leftoversIn, newestManifest } from '../support/backups.ts';
import { docker } from '../support/containers.ts';
import { type ExampleStack, startExample } from '../support/example-stack.ts';
import { killGuardians } from '../support/guardians.ts';
import { newestJournal } from '../support/journal.ts';
import { remoteEngine } from '../support/remote-engine.ts';
import { runTool, spawnTool } from '../support/scratch.ts';
import { until } from '../support/until.ts';

/** All snapshots here are of the engine's archives: `restore.test.ts` has those that were read from the disk. */
describe('a restore from dumps, of the example stack under load', { timeout: 240_000 }, () => {
  let shop: ExampleStack;
  let manifest: Manifest;

  const psql = async (database: string, sql: string): Promise<string> =>
    docker('exec', await shop.container('db'), 'psql', '-U', 'shop', '-d', database, '-XqAtc', sql);
  const tool = (...args: readonly string[]) => runTool(args, { cwd: shop.folder });
  const inFile = async (sql: string): Promise<number> => {
    const program = `import sqlite3
db = sqlite3.connect("/data/app.db", timeout=30, isolation_level=None)
db.execute(${JSON.stringify(sql)})
print(db.execute("SELECT count(*) FROM orders").fetchone()[0])`;
    return Number(await docker('exec', await shop.container('app'), 'python3', '-c', program));
  };
  const databases = async (): Promise<readonly string[]> =>
    (await psql('postgres', 'SELECT datname FROM pg_database ORDER BY 1')).split('\n');
  const filesOfApp = async (): Promise<readonly string[]> =>
    readdir(await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', `${shop.project}_shop`));
  const dumped = (kind: string): number =>
    manifest.dumps
      .flatMap((dump) => (dump.kind === kind ? (dump.tables ?? []) : []))
      .find(({ table }) => table === 'orders')?.rows ?? 0;

  beforeAll(async () => {
    shop = await startExample({ replicas: 1 });
    const config = await readFile(shop.config, 'utf8');
    await writeFile(shop.config, config.replace('    hooks:', '    copy: api\n    hooks:'));
    await psql('postgres', 'CREATE DATABASE "old books"');
    await psql('old books', 'CREATE TABLE pages AS SELECT generate_series(1, 7) AS page');
    expect(await tool('shop')).toMatchObject({ exitCode: 0 });
    manifest = await newestManifest(shop.backups);
    // The damage: a database is gone, rows are gone, and something is there that was not.
    await psql('postgres', 'DROP DATABASE "old books"');
    await psql('shop', 'CREATE TABLE wreck (); DELETE FROM orders');
    await inFile('DELETE FROM orders');
  });
  afterAll(() => shop?.down());

  it('must bring back what was dropped and deleted, and nothing of the old but what runs', async () => {
    expect(dumped('postgres')).toBeGreaterThan(0);
    expect(dumped('sqlite')).toBeGreaterThan(0);
    const looked = await tool('restore', 'shop@latest', '--from-dump', '--dry-run');
    expect(looked).toMatchObject({ exitCode: 0 });
    expect(looked.stdout).toContain('public.pages: none rows now, 7 in the dump');
    expect(looked.stdout).toMatch(/public\.wreck: 0 rows now, none in the dump/);
    expect(await databases()).not.toContain('old books');

    const restored = await tool('restore', 'shop@latest', '--from-dump', '--yes');
    expect(restored, restored.stderr).toMatchObject({ exitCode: 0 });
    expect(await databases()).toEqual(['old books', 'postgres', 'shop', 'template0', 'template1']);
    expect(await psql('old books', 'SELECT count(*) FROM pages')).toBe('7');
    expect(await psql('shop', "SELECT to_regclass('wreck') IS NULL")).toBe('t');
    // Orders go on coming in as soon as the services are back.
    expect(await shop.orders()).toBeGreaterThanOrEqual(dumped('postgres'));
    expect(await inFile('SELECT 1')).toBeGreaterThanOrEqual(dumped('sqlite'));
    expect((await filesOfApp()).filter((name) => /before|loading/.test(name))).toEqual([]);
    await shop.waitForOrders((await shop.orders()) + 1);
    expect(await leftoversIn(shop.backups)).toEqual([]);
  });

  it('must be undone by one command', async () => {
    const undone = await tool('restore', '--undo', 'shop', '--yes');
    expect(undone, undone.stderr).toMatchObject({ exitCode: 0 });
    expect(await databases()).toEqual(['postgres', 'shop', 'template0', 'template1']);
    expect(await psql('shop', "SELECT to_regclass('wreck') IS NULL")).toBe('f');
    await shop.waitForOrders((await shop.orders()) + 1);
    expect(await leftoversIn(shop.backups)).toEqual([]);
  });

  it('must put the files of archives back as well, of one service, and be undone', async () => {
    const restored = await tool('restore', manifest.snapshot, '--service', 'db', '--yes');
    expect(restored, restored.stderr).toMatchObject({ exitCode: 0 });
    expect(await psql('old books', 'SELECT count(*) FROM pages')).toBe('7');
    expect(await psql('shop', "SELECT to_regclass('wreck') IS NULL")).toBe('t');
    expect(await shop.orders()).toBeGreaterThanOrEqual(dumped('postgres'));
    const undone = await tool('restore', '--undo', 'shop', '--yes');
    expect(undone, undone.stderr).toMatchObject({ exitCode: 0 });
    expect(await databases()).not.toContain('old books');
    await shop.waitForOrders((await shop.orders()) + 1);
    expect(await leftoversIn(shop.backups)).toEqual([]);
  });

  it('must leave nothing of the old when it is killed while the services start, once they serve on the new', async () => {
    await using running = spawnTool(['restore', manifest.snapshot, '--from-dump', '--yes'], {
      cwd: shop.folder,
    });
    const dead = await until('the services start', async () => {
      const journal = await newestJournal(shop.backups);
      return journal?.phase === 'starting' ? journal : undefined;
    });
    await killGuardians(shop.backups);
    running.kill('SIGKILL');
    expect((await running.ended).exitCode).toBe(137);
    const names = (dead.restore?.loading ?? []).map(({ kept }) => basename(kept));
    expect(names).toContainEqual(expect.stringMatching(/^shop_before_/));
    expect(names).toContainEqual(expect.stringMatching(/^app\.db\.before-/));
    const recovered = await tool('recover');
    expect(recovered, recovered.stderr).toMatchObject({ exitCode: 3 }); // it died, and is restored
    expect(await databases()).toEqual(['old books', 'postgres', 'shop', 'template0', 'template1']);
    expect((await filesOfApp()).filter((name) => /before|loading/.test(name))).toEqual([]);
    const { restore, warnings } = await lastRun(shop.backups);
    expect(restore?.data).toBe('restored');
    expect(warnings.map(({ code }) => code)).not.toContain('old-kept');
    expect(await leftoversIn(shop.backups)).toEqual([]);
  });

  it('must have databases of one moment when it is killed while it swaps them, and then its rollback', async () => {
    await using engine = await remoteEngine();
    const options = { cwd: shop.folder, env: engine.env };
    await psql('postgres', 'DROP DATABASE "old books"');
    await psql('shop', 'CREATE TABLE wreck ()');
    const before = lasting(await shop.ps());
    const command = ['restore', manifest.snapshot, '--from-dump', '--service', 'db', '--yes', '--no-verify'];
    await using running = spawnTool(command, options);
    await until('dumps are loaded', async () => (await newestJournal(shop.backups))?.phase === 'loading');
    // Ends when the first of them has taken the place of the old one: the next is a moment behind it.
    const watch = `DO $$ BEGIN
      LOOP EXIT WHEN EXISTS (SELECT FROM pg_database WHERE datname LIKE '%\\_before\\_%'); PERFORM pg_sleep(0.002); END LOOP;
    END $$`;
    const isSwapped = psql.bind(undefined, 'template1', watch);
    await until('a database is swapped', async () =>
      isSwapped().then(
        () => true,
        () => running.child.exitCode !== null,
      ),
    );
    await killGuardians(shop.backups);
    running.kill('SIGKILL');
    await running.ended;
    const fault = {
      kind: 'SIGKILL of `recover`, then `recover` again',
      at: 'after PUT /containers/helper/archive',
    } as const;
    await observe({ stack: shop, names: {} }, ['recover'], fault, engine.env);
    const recovered = await runTool(['recover'], options);
    expect([0, 3], recovered.stderr).toContain(recovered.exitCode);
    const { restore, down } = await lastRun(shop.backups);
    const isNew = restore?.data === 'restored';
    expect([restore?.data, down]).toEqual([isNew ? 'restored' : 'rolled-back', []]);
    const books = isNew ? ['old books'] : [];
    expect(await databases()).toEqual([...books, 'postgres', 'shop', 'template0', 'template1']);
    expect(await psql('shop', "SELECT to_regclass('wreck') IS NULL")).toBe(isNew ? 't' : 'f');
    expect(lasting(await shop.ps())).toEqual(before);
    await shop.waitForOrders((await shop.orders()) + 1);
    expect(await leftoversIn(shop.backups)).toEqual([]);
  });
});
