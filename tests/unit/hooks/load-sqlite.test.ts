import {
  chmod,
  chown,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../../src/base/process.ts';
import {
  liveRows,
  loadableDumps,
  loadDump,
  loadStateOf,
  planLoad,
  settleLoad,
  swapLoad,
  undoLoad,
} from '../../../src/hooks/load/load.ts';
import { standingOf, swapFiles } from '../../../src/hooks/load/sqlite-files.ts';
import { loadTogether, settleTogether, undoTogether } from '../../../src/hooks/load/together.ts';
import type { LoadContext, LoadPlan, SqliteLoadPlan } from '../../../src/hooks/load/types.ts';
import { runHook } from '../../../src/hooks/registry.ts';
import type { ManifestDump } from '../../../src/snapshot/types.ts';
import { bind, hookContext, stackContainer } from '../../support/hooks.ts';

let folder: string;
let data: string;
let live: string;
let dumps: readonly ManifestDump[];
let context: LoadContext;

const rowsIn = (file: string): number => {
  using database = new DatabaseSync(file);
  return Number(database.prepare('SELECT count(*) AS n FROM t').get()?.n);
};

/** Sets the write-ahead log aside before the last connection closes: as after a kill, rows are in it alone. */
const withLog = async (statement: string): Promise<void> => {
  const database = new DatabaseSync(live);
  database.exec(statement);
  for (const suffix of ['', '-wal'])
    await writeFile(`${live}${suffix}.aside`, await readFile(`${live}${suffix}`));
  database.close();
  for (const suffix of ['', '-wal']) {
    await writeFile(`${live}${suffix}`, await readFile(`${live}${suffix}.aside`));
    await rm(`${live}${suffix}.aside`);
  }
};

const isRoot = process.getuid?.() === 0;

/** A database and its dump, made once: each test gets a copy. */
let template: string;

const makeTemplate = async (): Promise<void> => {
  const made = join(template, 'data', "app's 数据.db");
  await mkdir(join(template, 'data'));
  {
    using database = new DatabaseSync(made);
    database.exec(`PRAGMA journal_mode = WAL; CREATE TABLE t (x); CREATE TABLE "odd ""one""" (y);
      CREATE VIRTUAL TABLE f USING fts5(z);
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 500) INSERT INTO t SELECT i FROM c`);
  }
  if (isRoot) await chown(made, 4711, 4712);
  await chmod(made, 0o640);
  ({ dumps } = await runHook(
    {
      kind: 'sqlite',
      name: 'sqlite-app',
      phase: 'before-stop',
      timeout: 60_000,
      onFailure: 'abort',
      service: 'app',
      path: "/data/app's 数据.db",
      check: 'quick',
      checkpoint: false,
      backup: true,
    },
    hookContext([stackContainer('app', { mounts: [bind(join(template, 'data'), '/data')] })], {
      folder: template,
    }),
  ));
};

beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), 'sb-load-sqlite-'));
  await makeTemplate();
});
afterAll(() => rm(template, { recursive: true, force: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sb-load-sqlite-'));
  await run(['cp', '-a', '--', `${template}/.`, folder]);
  data = join(folder, 'data');
  live = join(data, "app's 数据.db");
  context = {
    engine: hookContext([]).engine,
    container: stackContainer('app', { mounts: [bind(data, '/data')] }),
    hostPaths: true,
    signal: new AbortController().signal,
  };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const preview = (token = 'a1') => {
  const [source] = loadableDumps(folder, { dumps });
  if (source === undefined) throw new Error('no dump');
  return planLoad(context, source, token);
};
const planned = async (): Promise<SqliteLoadPlan> =>
  JSON.parse(JSON.stringify((await preview()).plan)) as SqliteLoadPlan;

// Each look into a database is a process of its own.
describe('the dump of an SQLite file', { timeout: 90_000 }, () => {
  it('knows its rows, and a dry run what is there now', async () => {
    expect(dumps[0]?.tables).toEqual([
      { table: 'odd "one"', rows: 0 },
      { table: 't', rows: 500 },
    ]);
    await withLog('DELETE FROM t WHERE x > 10');
    const before = await readdir(data);
    expect((await preview()).tables).toEqual([
      { schema: undefined, table: 'odd "one"', now: 0, dump: 0 },
      { schema: undefined, table: 't', now: 10, dump: 500 },
    ]);
    expect((await liveRows(context, dumps[0] as ManifestDump)).at(-1)).toEqual({ table: 't', rows: 10 });
    expect((await readdir(data)).filter((name) => !name.endsWith('-shm'))).toEqual(before);
  });

  it('takes the place of the file, with its owner, mode and attributes, and no log of the old one', async () => {
    await withLog('DELETE FROM t WHERE x > 10');
    const attribute = await run(['setfattr', '-n', 'user.kept', '-v', 'yes', live]).catch(() => undefined);
    const plan = await planned();
    await loadDump(context, plan);
    expect(await loadStateOf(context, plan)).toBe('loaded');
    await swapLoad(context, plan);
    await swapLoad(context, plan);
    expect(await loadStateOf(context, plan)).toBe('swapped');
    expect(rowsIn(plan.kept)).toBe(10);
    await settleLoad(context, plan);
    await settleLoad(context, plan);
    expect(await readdir(data)).toEqual(["app's 数据.db"]);
    expect(rowsIn(live)).toBe(500);
    const now = await stat(live);
    expect(now.mode & 0o777).toBe(0o640);
    if (isRoot) expect([now.uid, now.gid]).toEqual([4711, 4712]);
    if (attribute?.exitCode === 0) {
      const got = await run(['getfattr', '-n', 'user.kept', '--only-values', '--absolute-names', live]);
      expect(got.stdout.toString()).toBe('yes');
    }
  });

  it('leaves the whole old set behind when it is undone, wherever it had come to', async () => {
    await withLog('DELETE FROM t WHERE x > 10');
    const names = async () => (await readdir(data)).filter((name) => !name.endsWith('-shm'));
    const before = await names();
    const steps: readonly ((plan: SqliteLoadPlan) => Promise<unknown>)[] = [
      // Nothing yet; half a copy; all of it.
      async () => undefined,
      (plan) => writeFile(plan.fresh, 'half'),
      (plan) => loadDump(context, plan),
      // Killed within the swap: the old file has its second name; its log has moved.
      async (plan) => {
        await loadDump(context, plan);
        await link(plan.target, plan.kept);
      },
      async (plan) => {
        const standing = await standingOf(plan);
        await loadDump(context, plan);
        await swapFiles({ ...plan, fresh: join(data, 'missing') }, standing).catch(() => undefined);
      },
      async (plan) => {
        await loadDump(context, plan);
        await swapLoad(context, plan);
        using database = new DatabaseSync(live);
        database.exec('DELETE FROM t');
      },
    ];
    for (const step of steps) {
      const plan = await planned();
      await step(plan);
      await undoLoad(context, plan);
      await undoLoad(context, plan);
      expect(await names()).toEqual(before);
      expect(await loadStateOf(context, plan)).toBe('none');
    }
    expect(rowsIn(live)).toBe(10);
  });

  it('is finished after a kill within the swap', async () => {
    await withLog('DELETE FROM t WHERE x > 10');
    const plan = await planned();
    await loadDump(context, plan);
    await link(plan.target, plan.kept);
    await loadDump(context, plan);
    await swapLoad(context, plan);
    expect([rowsIn(live), rowsIn(plan.kept)]).toEqual([500, 10]);
  });

  it('makes the file anew where it is gone, and takes away only what it made', async () => {
    await rm(live);
    const plan = await planned();
    expect(plan.exists).toBe(false);
    await loadDump(context, plan);
    await swapLoad(context, plan);
    expect(rowsIn(live)).toBe(500);
    await undoLoad(context, plan);
    expect(await readdir(data)).toEqual([]);
    await loadDump(context, plan);
    await writeFile(live, 'of somebody else');
    await expect(swapLoad(context, plan)).rejects.toMatchObject({ code: 'stack-changed' });
    await undoLoad(context, plan);
    expect(await readFile(live, 'utf8')).toBe('of somebody else');
    expect(await readdir(data)).toEqual(["app's 数据.db"]);
  });

  it('replaces what is no database any more', async () => {
    await writeFile(live, Buffer.alloc(8192));
    const { plan, tables } = await preview();
    expect(tables.map(({ now }) => now)).toEqual([undefined, undefined]);
    await loadDump(context, plan);
    await swapLoad(context, plan);
    await settleLoad(context, plan);
    expect(rowsIn(live)).toBe(500);
  });

  it('that is damaged, or has other rows than it should, changes nothing', async () => {
    const plan: LoadPlan = await planned();
    await expect(loadDump(context, { ...plan, tables: [{ table: 't', rows: 501 }] })).rejects.toMatchObject({
      code: 'verify-failed',
      message: expect.stringContaining('t has 500, not 501'),
    });
    const damaged = await readFile(plan.file);
    damaged.fill(0xff, 4096, 8192);
    await writeFile(plan.file, damaged);
    await expect(loadDump(context, plan)).rejects.toMatchObject({ code: 'database-corrupt' });
    await undoLoad(context, plan);
    expect(rowsIn(live)).toBe(500);
    expect(await readdir(data)).toEqual(["app's 数据.db"]);
  });

  it('never leaves its mount', async () => {
    await rm(live);
    await writeFile(join(folder, 'outside'), 'x');
    await symlink('../outside', live);
    await expect(preview()).rejects.toMatchObject({
      message: expect.stringContaining('leads out of its mount'),
    });
    await rm(live);
    await symlink('../nothing', live);
    await expect(preview()).rejects.toMatchObject({ code: 'hook-failed' });
    expect(await readFile(join(folder, 'outside'), 'utf8')).toBe('x');
    await expect(
      planLoad({ ...context, hostPaths: false }, loadableDumps(folder, { dumps })[0] as never, 'a1'),
    ).rejects.toMatchObject({
      message: expect.stringContaining('out of reach'),
    });
  });

  it('goes together with others: all of them, or none', async () => {
    const other = join(data, 'other.db');
    await writeFile(other, await readFile(live));
    const source = { folder, dump: { ...(dumps[0] as ManifestDump), database: '/data/other.db' } };
    const plans = [await planned(), (await planLoad(context, source, 'a1')).plan];
    for (const file of [live, other]) {
      using database = new DatabaseSync(file);
      database.exec('DELETE FROM t WHERE x > 10');
    }
    const loads = plans.map((plan) => ({ context, plan }));
    const wrong = loads.with(1, {
      context,
      plan: { ...(plans[1] as LoadPlan), tables: [{ table: 't', rows: 1 }] },
    });
    await expect(loadTogether(wrong)).rejects.toMatchObject({ code: 'verify-failed' });
    expect([rowsIn(live), rowsIn(other)]).toEqual([10, 10]);
    await loadTogether(loads);
    expect([rowsIn(live), rowsIn(other)]).toEqual([500, 500]);
    expect(await undoTogether(loads)).toEqual([]);
    expect([rowsIn(live), rowsIn(other)]).toEqual([10, 10]);
    await loadTogether(loads);
    expect(await settleTogether(loads)).toEqual([]);
    expect((await readdir(data)).sort()).toEqual(["app's 数据.db", 'other.db']);
  });
});
