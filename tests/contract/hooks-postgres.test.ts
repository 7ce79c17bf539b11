import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { run } from '../../src/base/process.ts';
import type { PostgresHook } from '../../src/config/types.ts';
import { connectEngine } from '../../src/docker/dockerode.ts';
import type { Engine } from '../../src/docker/engine.ts';
import { OutputTail } from '../../src/hooks/output.ts';
import { verifyArchive } from '../../src/hooks/postgres/archive.ts';
import { dumpOpener } from '../../src/hooks/postgres/open-dump.ts';
import { conninfo } from '../../src/hooks/postgres/psql.ts';
import { accessOf } from '../../src/hooks/postgres/server.ts';
import { checkHook, runHook } from '../../src/hooks/registry.ts';
import type { HookContext } from '../../src/hooks/types.ts';
import type { Manifest, ManifestDump } from '../../src/snapshot/types.ts';
import { docker, processesIn, startContainer, type TestContainer } from '../support/containers.ts';
import { hookContext } from '../support/hooks.ts';

const image = 'stack-backup-example/db';
const password = randomBytes(12).toString('hex');
/** Names that would lead a careless program astray: each is a legal database name. */
const odd = [
  '../../etc/passwd',
  '-rf',
  'o\'neil \\ "quoted"',
  'dbname=shop host=203.0.113.1',
  'postgresql://evil/x',
  '..',
  'two\nlines',
  'naïve 数据',
  'Shop',
];

let engine: Engine;
let server: TestContainer;
let folder: string;

/** Runs a program against the server; over TCP, so that the password counts. */
const inServer = async (command: readonly string[], stdin?: Readable): Promise<string> => {
  const [stdout, stderr] = [new OutputTail(), new OutputTail()];
  const exitCode = await engine.exec(server.id, {
    command,
    env: [`PGPASSWORD=${password}`],
    stdout,
    stderr,
    ...(stdin === undefined ? {} : { stdin }),
  });
  if (exitCode !== 0) throw new Error(`${command[0]} ended with ${exitCode}: ${stderr.bytes()}`);
  return stdout.bytes().toString('utf8').trim();
};

const sql = (database: string, text: string): Promise<string> =>
  inServer([
    ...['psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1'],
    ...['-d', conninfo({ dbname: database, user: 'shop' }), '-c', text],
  ]);

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

beforeAll(async () => {
  engine = await connectEngine();
  server = await startContainer(engine, 'db', image, [
    ...['-e', 'POSTGRES_USER=shop', '-e', 'POSTGRES_DB=shop', '-e', `POSTGRES_PASSWORD=${password}`],
    ...['-e', 'PGHOST=127.0.0.1'],
  ]);
  await vi.waitUntil(() => sql('shop', 'SELECT 1').catch(() => undefined), {
    timeout: 60_000,
    interval: 200,
  });
  await sql(
    'shop',
    `CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, 20000) AS i;
     SELECT lo_from_bytea(0, 'a large object');`,
  );
  for (const [at, name] of odd.entries()) {
    await sql('shop', `CREATE DATABASE ${identifier(name)}`);
    await sql(name, `CREATE TABLE mine AS SELECT generate_series(1, ${at + 1}) AS id`);
  }
});
afterAll(() => server?.[Symbol.asyncDispose]());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sb-hooks-pg-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const hookFor = (over: Partial<PostgresHook> = {}): PostgresHook => ({
  kind: 'postgres',
  name: 'postgres-db',
  phase: 'before-stop',
  timeout: 60_000,
  onFailure: 'abort',
  service: 'db',
  databases: 'all',
  globals: true,
  ...over,
});

const contextFor = async (container: TestContainer = server): Promise<HookContext> =>
  hookContext([await container.observed()], { engine, folder });

const dumps = (): Promise<string[]> => readdir(join(folder, 'dumps/db')).catch(() => []);

/** What `text` must not hold: the server's real password. */
const thrownBy = async (work: Promise<unknown>): Promise<Error & { code?: string; next?: string }> => {
  const error = await work.then(
    () => expect.fail('did not fail'),
    (thrown) => thrown,
  );
  const chain: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause as Error)
    chain.push(at.message, at.stack ?? '', JSON.stringify(at));
  expect(chain.join('\n')).not.toContain(password);
  return error;
};

describe('a dump of the whole server', () => {
  it('holds every database, whatever its name, and each can be restored', async () => {
    const context = await contextFor();
    await checkHook(hookFor(), context);
    const result = await runHook(hookFor(), context);
    const databases = result.dumps.filter((dump) => dump.format === 'pg_dump custom');
    expect(databases.map((dump) => dump.database).sort()).toEqual(['postgres', 'shop', ...odd].sort());
    expect(new Set(result.dumps.map((dump) => dump.path)).size).toBe(result.dumps.length);
    expect((await dumps()).sort()).toEqual(
      result.dumps.map((dump) => dump.path.slice('dumps/db/'.length)).sort(),
    );

    for (const [at, name] of ['shop', ...odd].entries()) {
      const dump = databases.find((it) => it.database === name);
      const path = join(folder, dump?.path ?? '');
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect((await stat(path)).size).toBe(dump?.bytes);
      await sql('shop', 'CREATE DATABASE scratch');
      await inServer(
        ['pg_restore', '-U', 'shop', '-d', 'scratch', '--exit-on-error'],
        createReadStream(path),
      );
      const table = name === 'shop' ? 'orders' : 'mine';
      expect(await sql('scratch', `SELECT count(*) FROM ${table}`)).toBe(
        name === 'shop' ? '20000' : String(at),
      );
      await sql('shop', 'DROP DATABASE scratch');
    }
  });

  it('has the globals, and the version of the server', async () => {
    const { dumps: made, summary } = await runHook(hookFor({ databases: ['shop'] }), await contextFor());
    const globals = made.find((dump) => dump.format === 'pg_dumpall globals');
    expect(await readFile(join(folder, globals?.path ?? ''), 'utf8')).toContain('CREATE ROLE shop');
    const version = await sql('shop', 'SHOW server_version');
    expect(made.map((dump) => dump.version)).toEqual([version, version]);
    expect(summary).toContain('1 database and globals');
  });

  it('is of the databases that were asked for, no more', async () => {
    const { dumps: made } = await runHook(
      hookFor({ databases: ['Shop', 'shop', 'shop'], globals: false }),
      await contextFor(),
    );
    expect(made.map((dump) => dump.database)).toEqual(['Shop', 'shop']);
  });
});

describe('a dump that cannot succeed is refused before anything is touched', () => {
  it('for a wrong password, which is never shown', async () => {
    const wrong = `wrong-${randomBytes(6).toString('hex')}`;
    for (const work of [checkHook, runHook]) {
      const error = await thrownBy(
        work(hookFor({ password: wrong }), await contextFor()) as Promise<unknown>,
      );
      expect(error).toMatchObject({ code: 'hook-failed', next: expect.stringContaining('password') });
      expect(error.message).toContain('password authentication failed');
      expect(JSON.stringify([error, error.message, error.stack, error.cause])).not.toContain(wrong);
    }
    expect(await dumps()).toEqual([]);
  });

  it('for a database that does not exist, naming those that do', async () => {
    const error = await thrownBy(checkHook(hookFor({ databases: ['shop', 'shpo'] }), await contextFor()));
    expect(error.message).toBe('hook postgres-db: there is no database "shpo" that allows connections');
    expect(error.next).toContain('"shop"');
    const first = await thrownBy(checkHook(hookFor({ databases: ['shpo'] }), await contextFor()));
    expect(first.message).toContain('database "shpo" does not exist');
  });

  it('for a user who does not exist, or may not read the roles', async () => {
    const error = await thrownBy(checkHook(hookFor({ user: 'nobody; --' }), await contextFor()));
    expect(error.message).toContain('nobody; --');
    await sql('shop', `CREATE ROLE reader LOGIN PASSWORD '${password}'`);
    const reader = await thrownBy(checkHook(hookFor({ user: 'reader' }), await contextFor()));
    expect(reader).toMatchObject({ next: expect.stringContaining('globals: false') });
    await sql('shop', 'DROP ROLE reader');
  });

  it('in a service without PostgreSQL', async () => {
    await using other = await startContainer(engine, 'db', 'stack-backup-example/cache', []);
    const error = await thrownBy(checkHook(hookFor(), await contextFor(other)));
    expect(error.message).toMatch(/pg_dump (was not found|cannot be run) in service db.*\(exit 12[67]\)/);
  });

  it('in a service that is gone', async () => {
    await using other = await startContainer(engine, 'db', 'stack-backup-example/cache', []);
    const context = await contextFor(other);
    await docker('stop', '-t', '0', other.id);
    const stopped = await thrownBy(checkHook(hookFor(), context));
    expect(stopped).toMatchObject({
      code: 'hook-failed',
      message: expect.stringContaining('does not run any more'),
    });
    const seen = await thrownBy(checkHook(hookFor(), await contextFor(other)));
    expect(seen.message).toContain('service db is exited, not running');
  });
});

describe('a dump that fails half-way leaves nothing', () => {
  /** Holds a table so that pg_dump waits for it; returns the way to let go. */
  const holdTable = async (): Promise<() => Promise<void>> => {
    const release = new AbortController();
    const held = engine.exec(server.id, {
      command: ['psql', '-X', '-U', 'shop', '-c', 'BEGIN; LOCK TABLE orders; SELECT pg_sleep(600)'],
      env: [`PGPASSWORD=${password}`],
      signal: release.signal,
    });
    held.catch(() => undefined);
    await vi.waitUntil(async () => (await locks('granted')) !== '0', { timeout: 60_000 });
    return async () => {
      release.abort();
      await expect(held).rejects.toMatchObject({ code: 'interrupted' });
      await sql(
        'shop',
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%LOCK TABLE orders; SELECT%' AND pid <> pg_backend_pid()",
      );
    };
  };
  const locks = (which: 'granted' | 'NOT granted'): Promise<string> =>
    sql('shop', `SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND ${which}`);

  it('when the server ends the connection', async () => {
    const release = await holdTable();
    const failing = thrownBy(runHook(hookFor({ databases: ['shop'] }), await contextFor()));
    await vi.waitUntil(async () => (await locks('NOT granted')) !== '0', { timeout: 60_000 });
    expect(await dumps()).toEqual(['shop.dump.partial']);
    await sql(
      'shop',
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump'",
    );
    const error = await failing;
    expect(error).toMatchObject({ code: 'hook-failed', details: { exitCode: 1 } });
    expect(error.message).toMatch(
      /^hook postgres-db: the dump of database "shop" failed: pg_dump ended with exit code 1: .*terminat/,
    );
    expect(await dumps()).toEqual([]);
    await release();
  });

  it('when it hangs: it is ended inside the container too', async () => {
    const release = await holdTable();
    const error = await thrownBy(runHook(hookFor({ timeout: 3_000 }), await contextFor()));
    expect(error).toMatchObject({
      code: 'timeout',
      message: 'hook postgres-db did not end within 3.0 s and was ended',
    });
    expect(await processesIn(server.id)).not.toContain('pg_dump');
    // `postgres` comes before `shop` and was done: all dumps of a hook, or none.
    expect(await dumps()).toEqual([]);
    await release();
  });

  it.runIf(process.getuid?.() === 0)('when the disk is full', async () => {
    await sql('shop', 'CREATE TABLE bulk AS SELECT gen_random_uuid() AS id FROM generate_series(1, 200000)');
    const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    expect(mounted.stderr).toBe('');
    try {
      const error = await thrownBy(runHook(hookFor({ databases: ['shop'] }), await contextFor()));
      expect(error).toMatchObject({
        code: 'hook-failed',
        message: 'hook postgres-db: cannot write dumps/db/shop.dump: ENOSPC',
        next: expect.stringContaining('Free space'),
      });
      expect(await dumps()).toEqual([]);
      expect(await processesIn(server.id)).not.toContain('pg_dump');
    } finally {
      await run(['umount', folder]);
      await sql('shop', 'DROP TABLE bulk');
    }
  });
});

describe('verifyArchive', () => {
  it('takes a whole archive, and refuses one that is cut anywhere or is none', async () => {
    const context = await contextFor();
    const hook = hookFor({ databases: ['shop'], globals: false });
    const {
      dumps: [dump],
    } = await runHook(hook, context);
    const path = join(folder, dump?.path ?? '');
    const access = accessOf(hook, await server.observed());
    const verify = () => verifyArchive(context, access, path, 'the dump');
    await verify();
    const whole = dump?.bytes ?? 0;
    for (const size of [whole - 1, whole - 4, Math.floor(whole / 2), 3000, 100, 0]) {
      await truncate(path, size);
      await expect(verify(), `cut to ${size} of ${whole} bytes`).rejects.toMatchObject({
        code: 'hook-failed',
      });
    }
    await writeFile(path, randomBytes(whole));
    await expect(verify()).rejects.toThrow('cannot be read back');
  });

  it('is read in a container of the image too, where the host has no program for it', async () => {
    const { dumps: made } = await runHook(hookFor({ databases: ['shop'] }), await contextFor());
    const [dump, globals] = made as [ManifestDump, ManifestDump];
    const { imageId } = await engine.inspect(server.id);
    const manifestOf = (id: string) =>
      ({ containers: [{ service: dump.service, imageId: id }] }) as unknown as Manifest;
    const open = (what: ManifestDump, id = imageId) =>
      dumpOpener(async () => engine)(join(folder, what.path), what, manifestOf(id), undefined);
    vi.stubEnv('PATH', '/nonexistent');
    try {
      expect(await open(dump)).toEqual({ is: 'sound' });
      expect(await open(dump, `sha256:${'0'.repeat(64)}`)).toMatchObject({
        is: 'unknown',
        why: expect.stringContaining('not on this engine any more'),
      });
      await truncate(join(folder, dump.path), 100);
      expect(await open(dump)).toMatchObject({ is: 'damaged', why: expect.stringContaining('pg_restore: ') });
      expect(await open(globals)).toBeUndefined();
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('takes the archive of an empty database', async () => {
    await sql('shop', 'CREATE DATABASE "empty one"');
    const { dumps: made } = await runHook(
      hookFor({ databases: ['empty one'], globals: false }),
      await contextFor(),
    );
    expect(made).toHaveLength(1);
    await sql('shop', 'DROP DATABASE "empty one"');
  });
});
