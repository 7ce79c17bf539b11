import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { PostgresHook } from '../../src/config/types.ts';
import { connectEngine } from '../../src/docker/dockerode.ts';
import type { Engine } from '../../src/docker/engine.ts';
import {
  loadableDumps,
  loadDump,
  loadStateOf,
  planLoad,
  settleLoad,
  swapLoad,
  undoLoad,
} from '../../src/hooks/load/load.ts';
import type { LoadContext, LoadPlan, LoadSource } from '../../src/hooks/load/types.ts';
import { OutputTail } from '../../src/hooks/output.ts';
import { conninfo } from '../../src/hooks/postgres/psql.ts';
import { identifier } from '../../src/hooks/postgres/script.ts';
import { runHook } from '../../src/hooks/registry.ts';
import type { ManifestDump } from '../../src/snapshot/types.ts';
import { startContainer, type TestContainer } from '../support/containers.ts';
import { hookContext } from '../support/hooks.ts';

const image = 'stack-backup-example/db';
const password = randomBytes(12).toString('hex');
/** Quotes, spaces, what looks like an option or a connection string, and all the 63 bytes there can be. */
const odd = [`-rf dbname='x' o'neil \\ "quoted" 数据`, `${'ä'.repeat(31)}x`];

let engine: Engine;
let server: TestContainer;
let folder: string;
let dumps: readonly ManifestDump[];

const inServer = async (command: readonly string[]): Promise<string> => {
  const [stdout, stderr] = [new OutputTail(), new OutputTail()];
  const env = [`PGPASSWORD=${password}`, 'PGCLIENTENCODING=UTF8'];
  const exitCode = await engine.exec(server.id, { command, env, stdout, stderr });
  if (exitCode !== 0) throw new Error(`${command[0]} ended with ${exitCode}: ${stderr.bytes()}`);
  return stdout.bytes().toString('utf8').trim();
};
const sql = (database: string, ...statements: readonly string[]): Promise<string> =>
  inServer([
    ...[
      'psql',
      '-X',
      '-q',
      '-A',
      '-t',
      '-v',
      'ON_ERROR_STOP=1',
      '-d',
      conninfo({ dbname: database, user: 'shop' }),
    ],
    ...statements.map((statement) => `--command=${statement}`),
  ]);
const databases = async (): Promise<readonly string[]> =>
  (await sql('postgres', 'SELECT datname FROM pg_database ORDER BY 1')).split('\n');

const hook: PostgresHook = {
  kind: 'postgres',
  name: 'postgres-db',
  phase: 'before-stop',
  timeout: 120_000,
  onFailure: 'abort',
  service: 'db',
  databases: 'all',
  globals: true,
};

const context = async (signal = new AbortController().signal): Promise<LoadContext> => ({
  engine,
  container: await server.observed(),
  hostPaths: true,
  signal,
});
const sourceOf = (database: string): LoadSource =>
  loadableDumps(folder, { dumps }).find((one) => one.dump.database === database) as LoadSource;
let turn = 0;
const token = (): string => {
  turn += 1;
  return `20261126_141500_${turn}`;
};

/** What makes a database what it is, in one line of JSON. */
const properties = (database: string): Promise<string> =>
  sql(
    'postgres',
    `SELECT json_build_array(pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype,
       datconnlimit, datallowconn, (SELECT array_agg(x::text ORDER BY x::text) FROM unnest(datacl) x),
       shobj_description(d.oid, 'pg_database'),
       (SELECT json_agg(json_build_array(setrole::regrole, setconfig) ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid))
     FROM pg_database d WHERE datname = E'${database.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`,
  );

beforeAll(async () => {
  engine = await connectEngine();
  folder = await mkdtemp(join(tmpdir(), 'sb-load-pg-'));
  server = await startContainer(engine, 'db', image, [
    ...['-e', 'POSTGRES_USER=shop', '-e', 'POSTGRES_DB=shop', '-e', `POSTGRES_PASSWORD=${password}`],
    ...['-e', 'PGHOST=127.0.0.1'],
  ]);
  await vi.waitUntil(() => sql('shop', 'SELECT 1').catch(() => undefined), {
    timeout: 60_000,
    interval: 200,
  });
  await sql(
    'postgres',
    `CREATE ROLE owner LOGIN PASSWORD 'only-a-test'`,
    'CREATE ROLE reader',
    'GRANT reader TO owner',
  );
  for (const name of odd) await sql('postgres', `CREATE DATABASE ${identifier(name)} OWNER owner`);
  await sql(
    odd[0] as string,
    `CREATE TABLE "odd ""table""" AS SELECT i AS id, E'a\\nb\\\\.' AS text FROM generate_series(1, 500) AS i`,
  );
  await sql(
    'postgres',
    `CREATE DATABASE latin OWNER owner ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0 CONNECTION LIMIT 7`,
    `ALTER DATABASE latin SET default_transaction_read_only = on`,
    `ALTER DATABASE latin SET "app.motto" = E'it''s; \\\\ DATABASE latin'`,
    `ALTER ROLE reader IN DATABASE latin SET work_mem = '5MB'`,
    `COMMENT ON DATABASE latin IS 'old; GRANT'`,
    `REVOKE CONNECT ON DATABASE latin FROM PUBLIC`,
    `GRANT CONNECT, TEMPORARY ON DATABASE latin TO reader`,
  );
  await sql(
    'latin',
    'SET default_transaction_read_only = off',
    `CREATE EXTENSION pgcrypto; CREATE SCHEMA sales AUTHORIZATION owner;
     CREATE TABLE sales."größe" (id serial PRIMARY KEY, t text); ALTER TABLE sales."größe" OWNER TO owner;
     INSERT INTO sales."größe" (t) SELECT 'ä' FROM generate_series(1, 300);
     CREATE TABLE empty (); CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM sales."größe";
     CREATE TABLE part (i int) PARTITION BY RANGE (i); CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (9);
     INSERT INTO part VALUES (1), (2); SELECT lo_from_bytea(4711, decode(repeat('c0ffee', 50000), 'hex'));`,
  );
  await sql(
    'shop',
    'CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, 20000) AS i',
  );
  const container = await server.observed();
  ({ dumps } = await runHook(hook, hookContext([container], { engine, folder })));
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe('rows', () => {
  it('of every table of every dumped database stand with its dump', () => {
    const tables = (name: string) => dumps.find((dump) => dump.database === name)?.tables;
    expect(tables('shop')).toEqual([{ schema: 'public', table: 'orders', rows: 20_000 }]);
    expect(tables(odd[0] as string)).toEqual([{ schema: 'public', table: 'odd "table"', rows: 500 }]);
    expect(tables('latin')).toEqual([
      { schema: 'public', table: 'empty', rows: 0 },
      { schema: 'public', table: 'part_1', rows: 2 },
      { schema: 'sales', table: 'größe', rows: 300 },
    ]);
  });
});

describe('a dump', () => {
  it('takes the place of a database that has lost rows, with all that made it what it was', async () => {
    const before = await properties('latin');
    await sql(
      'latin',
      'SET default_transaction_read_only = off',
      `DELETE FROM sales."größe" WHERE id > 10; SELECT lo_unlink(4711)`,
    );
    const preview = await planLoad(await context(), sourceOf('latin'), token());
    expect(preview.tables.find(({ table }) => table === 'größe')).toEqual({
      schema: 'sales',
      table: 'größe',
      now: 10,
      dump: 300,
    });
    const plan = JSON.parse(JSON.stringify(preview.plan)) as LoadPlan;
    expect(JSON.stringify(plan)).not.toContain(password);

    // Somebody who stays connected, with a transaction open, until he is ended.
    const guest = engine.exec(server.id, {
      command: ['psql', '-X', '-U', 'shop', '-d', 'latin', '-c', 'BEGIN; SELECT pg_sleep(600)'],
      env: [`PGPASSWORD=${password}`],
    });
    await vi.waitUntil(
      async () =>
        (await sql(
          'postgres',
          `SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND datname = 'latin'`,
        )) === '1',
      { timeout: 60_000, interval: 100 },
    );

    await loadDump(await context(), plan);
    expect(await loadStateOf(await context(), plan)).toBe('loaded');
    expect(await sql('latin', 'SELECT count(*) FROM sales."größe"')).toBe('10');
    await swapLoad(await context(), plan);
    expect(await guest).not.toBe(0);
    await swapLoad(await context(), plan);
    expect(await loadStateOf(await context(), plan)).toBe('swapped');
    expect(await databases()).toEqual(expect.arrayContaining(['latin', plan.kept]));
    await expect(sql(plan.kept, 'SELECT 1')).rejects.toThrow('not currently accepting connections');
    await settleLoad(await context(), plan);
    await settleLoad(await context(), plan);
    expect(await databases()).not.toContain(plan.kept);
    expect(await properties('latin')).toBe(before);
    const seen = await sql(
      'latin',
      `SELECT count(*) FROM sales."größe"`,
      `SELECT sum(i) FROM part`,
      `SELECT tableowner FROM pg_tables WHERE tablename = 'größe'`,
      `SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'sales'`,
      `SELECT encode(digest(lo_get(4711), 'md5'), 'hex') = md5(decode(repeat('c0ffee', 50000), 'hex'))`,
      `SELECT reltuples FROM pg_class WHERE relname = 'größe'`,
      `SHOW default_transaction_read_only`,
      `SELECT coalesce(current_setting('stack_backup.load', true), '')`,
    );
    expect(seen.split('\n')).toEqual(['300', '3', 'owner', 'owner', 't', '300', 'on']);
  });

  it('makes a database that is gone again, and the roles that are missing, and leaves the others alone', async () => {
    const before = await properties('latin');
    await sql(
      'postgres',
      'DROP DATABASE latin',
      `DROP DATABASE ${identifier(odd[0] as string)}`,
      'REASSIGN OWNED BY owner TO shop',
    );
    for (const name of odd.slice(1))
      await sql('postgres', `ALTER DATABASE ${identifier(name)} OWNER TO shop`);
    await sql('postgres', 'DROP ROLE reader', `ALTER ROLE owner CONNECTION LIMIT 3`);
    const { plan, tables } = await planLoad(await context(), sourceOf('latin'), token());
    expect(plan.exists).toBe(false);
    expect(tables.map(({ now }) => now)).toEqual([undefined, undefined, undefined]);
    await loadDump(await context(), plan);
    expect(await databases()).not.toContain('latin');
    await swapLoad(await context(), plan);
    await settleLoad(await context(), plan);
    expect(await properties('latin')).toBe(before);
    expect(await sql('postgres', `SELECT rolconnlimit FROM pg_roles WHERE rolname = 'owner'`)).toBe('3');
  });

  it.each(odd)('goes into a database called %j and comes out of it', async (name) => {
    const there = (await databases()).includes(name);
    const { plan } = await planLoad(await context(), sourceOf(name), token());
    expect(plan.exists).toBe(there);
    await loadDump(await context(), plan);
    await swapLoad(await context(), plan);
    expect(await databases()).toContain(name);
    await undoLoad(await context(), plan);
    await undoLoad(await context(), plan);
    expect((await databases()).includes(name)).toBe(there);
    expect((await databases()).filter((one) => one.includes(plan.token))).toEqual([]);
    if (there) await sql(name, 'SELECT 1');
  });

  it('that cannot be loaded leaves the old database in place and at work', async () => {
    const source = sourceOf('shop');
    const cutOff = join(folder, 'cut.dump');
    await copyFile(join(folder, source.dump.path), cutOff);
    const { plan } = await planLoad(await context(), source, token());
    await truncate(cutOff, Math.floor(source.dump.bytes / 2));
    await expect(loadDump(await context(), { ...plan, file: cutOff })).rejects.toMatchObject({
      code: 'hook-failed',
    });
    await expect(
      loadDump(await context(), { ...plan, tables: [{ schema: 'public', table: 'orders', rows: 20_001 }] }),
    ).rejects.toMatchObject({
      code: 'verify-failed',
      message: expect.stringContaining('public.orders has 20000, not 20001'),
    });
    const cut = { ...source, dump: { ...source.dump, path: 'cut.dump' } };
    await expect(planLoad(await context(), cut, token())).rejects.toMatchObject({ code: 'hook-failed' });
    expect(await sql('shop', 'SELECT count(*) FROM orders')).toBe('20000');
    await undoLoad(await context(), plan);
    expect((await databases()).filter((one) => one.includes(plan.token))).toEqual([]);
  });

  it('can be ended half-way, and then be finished or undone', async () => {
    await sql('shop', 'DELETE FROM orders WHERE id > 1');
    const { plan } = await planLoad(await context(), sourceOf('shop'), token());
    const ending = new AbortController();
    // Ended as soon as the server has been given all of the dump, and has not done with it.
    const watched: Engine = {
      ...engine,
      exec: (id, request) => {
        if (request.command.includes('--exit-on-error')) request.stdin?.once('end', () => ending.abort());
        return engine.exec(id, request);
      },
    };
    await expect(
      loadDump({ ...(await context(ending.signal)), engine: watched }, plan),
    ).rejects.toBeDefined();
    expect(await loadStateOf(await context(), plan)).toBe('loaded');
    expect(await sql('shop', 'SELECT count(*) FROM orders')).toBe('1');

    await loadDump(await context(), plan);
    // Killed after connections were refused and before the names were changed.
    await sql('postgres', 'ALTER DATABASE shop WITH ALLOW_CONNECTIONS false');
    await swapLoad(await context(), plan);
    expect(await sql('shop', 'SELECT count(*) FROM orders')).toBe('20000');
    await undoLoad(await context(), plan);
    expect(await sql('shop', 'SELECT count(*) FROM orders')).toBe('1');
    await sql('postgres', 'ALTER DATABASE shop WITH ALLOW_CONNECTIONS false');
    await undoLoad(await context(), plan);
    expect(await sql('shop', 'SELECT count(*) FROM orders')).toBe('1');
    expect((await databases()).filter((one) => one.includes(plan.token))).toEqual([]);
  });
});
