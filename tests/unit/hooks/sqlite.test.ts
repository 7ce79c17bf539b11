import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  open,
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
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkHook, runHook } from '../../../src/hooks/registry.ts';
import { mountOver } from '../../../src/hooks/sqlite/place.ts';
import type { HookContext } from '../../../src/hooks/types.ts';
import { bind, hookContext, sqliteHook, stackContainer } from '../../support/hooks.ts';

let base: string;
let data: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'sb-hooks-sqlite-'));
  data = join(base, 'data');
  await mkdir(data);
  await mkdir(join(base, 'snapshot'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const contextFor = (over: Partial<HookContext> = {}): HookContext =>
  hookContext([stackContainer('app', { mounts: [bind(data, '/srv')] })], {
    folder: join(base, 'snapshot'),
    ...over,
  });

/** A database of some hundred pages with an index, closed; `mode` is its journal mode. */
const create = (file: string, mode: 'wal' | 'delete' = 'wal', rows = 5000): void => {
  using database = new DatabaseSync(file);
  database.exec(`PRAGMA journal_mode = ${mode};
    CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT NOT NULL);
    CREATE INDEX by_note ON orders (note);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
    INSERT INTO orders SELECT i, hex(randomblob(16)) FROM n`);
};

const count = (file: string): number => {
  using database = new DatabaseSync(file, { readOnly: true });
  return Number(database.prepare('SELECT count(*) AS n FROM orders').get()?.n);
};

const dumps = (): Promise<string[]> => readdir(join(base, 'snapshot/dumps/app')).catch(() => []);

describe('a sound database', () => {
  it.each(['wal', 'delete'] as const)('is copied in journal mode %s', async (mode) => {
    create(join(data, 'app.db'), mode);
    const result = await runHook(sqliteHook(), contextFor());
    expect(result.warnings).toEqual([]);
    expect(result.summary).toContain('integrity_check ok');
    expect(result.summary.includes('WAL checkpointed')).toBe(mode === 'wal');
    const [dump] = result.dumps;
    expect(dump).toMatchObject({
      path: 'dumps/app/srv%2Fapp.db.sqlite',
      format: 'sqlite',
      database: '/srv/app.db',
    });
    const copy = join(base, 'snapshot', dump?.path ?? '');
    expect((await stat(copy)).mode & 0o777).toBe(0o600);
    expect((await stat(copy)).size).toBe(dump?.bytes);
    expect(await dumps()).toEqual(['srv%2Fapp.db.sqlite']);
    expect(count(copy)).toBe(5000);
  });

  it('is copied with the rows that are only in its WAL, which is then emptied', async () => {
    const file = join(data, 'app.db');
    create(file);
    using writer = new DatabaseSync(file);
    writer.exec("PRAGMA wal_autocheckpoint = 0; INSERT INTO orders VALUES (9001, 'late')");
    expect((await stat(`${file}-wal`)).size).toBeGreaterThan(0);
    const {
      dumps: [dump],
    } = await runHook(sqliteHook(), contextFor());
    expect((await stat(`${file}-wal`)).size).toBe(0);
    expect(count(join(base, 'snapshot', dump?.path ?? ''))).toBe(5001);
  });

  it('keeps its WAL, with a warning, where a reader is in it', async () => {
    const file = join(data, 'app.db');
    create(file);
    using reader = new DatabaseSync(file);
    using writer = new DatabaseSync(file);
    reader.exec('BEGIN; SELECT count(*) FROM orders');
    writer.exec("INSERT INTO orders VALUES (9001, 'late')");
    const result = await runHook(sqliteHook(), contextFor());
    expect(result.warnings).toEqual([
      expect.objectContaining({ code: 'sqlite-checkpoint-busy', about: 'sqlite-app' }),
    ]);
    expect(result.warnings[0]?.message).toMatch(/\d+ of \d+ frames/);
    expect(count(join(base, 'snapshot/dumps/app/srv%2Fapp.db.sqlite'))).toBe(5001);
  });

  it('is only looked at where that is all that was asked for', async () => {
    const file = join(data, 'app.db');
    create(file);
    const result = await runHook(
      sqliteHook({ backup: false, checkpoint: false, check: 'quick' }),
      contextFor(),
    );
    expect(result).toMatchObject({
      dumps: [],
      warnings: [],
      summary: expect.stringMatching(/quick_check ok$/),
    });
    expect(await readdir(join(base, 'snapshot'))).toEqual([]);
  });

  it('may have a name that a URL would misread', async () => {
    const name = '100%25 ?mode=memory#x.db';
    create(join(data, name));
    const result = await runHook(sqliteHook({ path: `/srv/${name}` }), contextFor());
    expect(count(join(base, 'snapshot', result.dumps[0]?.path ?? ''))).toBe(5000);
    expect(await readdir(data)).toEqual([name]);
  });

  it('of a service that is down is copied too', async () => {
    create(join(data, 'app.db'));
    const down = stackContainer('app', { state: 'exited', mounts: [bind(data, '/srv')] });
    const context = hookContext([down], { folder: join(base, 'snapshot'), phase: 'while-stopped' });
    await checkHook(sqliteHook({ phase: 'while-stopped' }), context);
    expect((await runHook(sqliteHook(), context)).dumps).toHaveLength(1);
  });

  it.runIf(process.getuid?.() === 0)('gets no files beside it that its owner cannot use', async () => {
    const file = join(data, 'app.db');
    create(file, 'wal', 200_000);
    await chown(data, 4711, 4712);
    await chown(file, 4711, 4712);
    await chmod(file, 0o640);
    let over = false;
    const running = runHook(sqliteHook(), contextFor()).finally(() => {
      over = true;
    });
    const seen = new Map<string, string>();
    while (!over) {
      for (const name of await readdir(data)) {
        const found = await stat(join(data, name)).catch(() => undefined);
        if (found !== undefined)
          seen.set(name, `${found.uid}:${found.gid} ${(found.mode & 0o777).toString(8)}`);
      }
    }
    await running;
    expect(Object.fromEntries(seen)).toEqual({
      'app.db': '4711:4712 640',
      'app.db-wal': '4711:4712 640',
      'app.db-shm': '4711:4712 640',
    });
    expect(await readdir(data)).toEqual(['app.db']);
  });
});

describe('a damaged database', () => {
  const overwrite = async (file: string, at: number, bytes: Buffer): Promise<void> => {
    const handle = await open(file, 'r+');
    await handle.write(bytes, 0, bytes.length, at);
    await handle.close();
  };

  it('fails the hook, in the head of any page as in that of the file', async () => {
    const file = join(data, 'app.db');
    create(file, 'delete');
    const { size } = await stat(file);
    const sound = await readFile(file);
    for (const at of [0, 100, 4096 * 5, 4096 * 20, size - 4096]) {
      await writeFile(file, sound);
      await overwrite(file, at, Buffer.from('\xA5'.repeat(64), 'latin1'));
      const running = runHook(sqliteHook(), contextFor());
      await expect(running, `damage at ${at}`).rejects.toMatchObject({
        code: 'database-corrupt',
        message: expect.stringContaining('sqlite-app'),
      });
      expect(await dumps()).toEqual([]);
    }
  });

  it('fails the hook when it only is looked at, and when it is cut off', async () => {
    const file = join(data, 'app.db');
    create(file, 'delete');
    await overwrite(file, 4096 * 20, Buffer.alloc(200, 0xa5));
    const look = sqliteHook({ backup: false });
    await expect(runHook(look, contextFor())).rejects.toMatchObject({ code: 'database-corrupt' });
    const handle = await open(file, 'r+');
    await handle.truncate(4096 * 10);
    await handle.close();
    await expect(runHook(sqliteHook(), contextFor())).rejects.toMatchObject({ code: 'database-corrupt' });
    expect(await dumps()).toEqual([]);
  });

  it('is found by an index that does not match its table, where the check is full', async () => {
    const file = join(data, 'app.db');
    create(file, 'delete', 50);
    const bytes = await readFile(file);
    // The first note as text stands once in the table's page and once in the index's: change the latter.
    using database = new DatabaseSync(file, { readOnly: true });
    const note = String(database.prepare('SELECT note FROM orders LIMIT 1').get()?.note);
    database.close();
    const last = bytes.lastIndexOf(note);
    expect(bytes.indexOf(note)).not.toBe(last);
    await overwrite(file, last, Buffer.from(note.startsWith('0') ? '1' : '0'));
    await expect(runHook(sqliteHook(), contextFor())).rejects.toMatchObject({ code: 'database-corrupt' });
  });

  it('is found before anything is stopped also where the hook runs later', async () => {
    const file = join(data, 'app.db');
    create(file, 'delete');
    await overwrite(file, 4096 * 20, Buffer.alloc(200, 0xa5));
    const later = sqliteHook({ phase: 'while-stopped' });
    await expect(checkHook(later, contextFor({ phase: 'while-stopped' }))).rejects.toMatchObject({
      code: 'database-corrupt',
    });
  });
});

describe('a path that leads to no database', () => {
  /** With types, because without them a link to a folder above is followed, as deep as the kernel allows. */
  const listed = async (folder: string): Promise<readonly string[]> =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();

  const refusal = async (path: string): Promise<Error & { next?: string }> => {
    const before = await listed(data);
    const error = await checkHook(sqliteHook({ path }), contextFor()).then(
      () => expect.fail('was accepted'),
      (thrown) => thrown,
    );
    await expect(runHook(sqliteHook({ path }), contextFor())).rejects.toThrow(error.message);
    expect(await listed(data)).toEqual(before);
    expect(await dumps()).toEqual([]);
    expect(error.next).toBeTruthy();
    return error;
  };

  it('is refused when there is nothing, and nothing is created', async () => {
    expect((await refusal('/srv/app.db')).message).toContain('there is no "/srv/app.db"');
  });

  it('is refused when it is empty, a folder, or another kind of file', async () => {
    await writeFile(join(data, 'empty.db'), '');
    await writeFile(join(data, 'text.db'), 'just some text, long enough to be a header');
    await mkdir(join(data, 'folder.db'));
    expect((await refusal('/srv/empty.db')).message).toContain('is empty');
    expect((await refusal('/srv/text.db')).message).toContain('does not begin like an SQLite database');
    expect((await refusal('/srv/folder.db')).message).toContain('not a regular file');
  });

  it('is refused outside every mount, with dots, or without a leading slash', async () => {
    create(join(base, 'outside.db'));
    expect((await refusal('/opt/app.db')).message).toContain('lies in no mount');
    expect((await refusal('/srv/../outside.db')).message).toContain('plain absolute path');
    expect((await refusal('srv/app.db')).message).toContain('plain absolute path');
    expect((await refusal('/srv')).message).toContain('mounted as a single file');
  });

  it('is refused behind a symlink out of the mount, as file, folder or journal', async () => {
    create(join(base, 'outside.db'));
    create(join(data, 'app.db'));
    await symlink('../outside.db', join(data, 'link.db'));
    await symlink(base, join(data, 'up'));
    expect((await refusal('/srv/link.db')).message).toContain('leads out of its mount');
    expect((await refusal('/srv/up/outside.db')).message).toContain('leads out of its mount');
    await symlink(join(base, 'planted'), join(data, 'app.db-wal'));
    expect((await refusal('/srv/app.db')).message).toContain('app.db-wal');
    await expect(stat(join(base, 'planted'))).rejects.toThrow('ENOENT');
  });

  it('is accepted behind a symlink within the mount', async () => {
    await mkdir(join(data, 'v2'));
    create(join(data, 'v2/app.db'));
    await symlink('v2/app.db', join(data, 'app.db'));
    expect((await runHook(sqliteHook(), contextFor())).dumps).toHaveLength(1);
  });

  it('is refused when the host’s paths are out of reach', async () => {
    await expect(checkHook(sqliteHook(), contextFor({ hostPaths: false }))).rejects.toMatchObject({
      code: 'hook-failed',
      next: expect.stringContaining('command'),
    });
  });
});

describe('mountOver', () => {
  it('takes the longest destination that covers the path', () => {
    const mounts = [bind('/a', '/'), bind('/b', '/srv'), bind('/c', '/srv/data'), bind('/d', '/srv/dat')];
    expect(mountOver(mounts, '/srv/data/app.db')?.source).toBe('/c');
    expect(mountOver(mounts, '/srv/database')?.source).toBe('/b');
    expect(mountOver(mounts, '/etc/app.db')?.source).toBe('/a');
    expect(mountOver(mounts.slice(1), '/etc/app.db')).toBeUndefined();
  });
});

describe('time and interruption', () => {
  const slow = async (): Promise<void> => {
    create(join(data, 'app.db'), 'delete', 200_000);
  };

  it('ends the work at the timeout and leaves no file', async () => {
    await slow();
    const hook = sqliteHook({ timeout: 60 });
    await expect(runHook(hook, contextFor())).rejects.toMatchObject({
      code: 'timeout',
      message: 'hook sqlite-app did not end within 60 ms and was ended',
    });
    expect(await dumps()).toEqual([]);
    await cp(join(data, 'app.db'), join(base, 'after.db'));
    expect(count(join(base, 'after.db'))).toBe(200_000);
  });

  it('tells an interrupted run from a timeout', async () => {
    await slow();
    const run = new AbortController();
    const running = runHook(sqliteHook(), contextFor({ signal: run.signal }));
    const ended = expect(running).rejects.toMatchObject({ code: 'interrupted' });
    // In the middle of the work: the copy has begun to grow.
    const partial = join(base, 'snapshot/dumps/app/srv%2Fapp.db.sqlite.partial');
    await vi.waitUntil(async () => ((await stat(partial).catch(() => undefined))?.size ?? 0) > 0, {
      interval: 1,
      timeout: 30_000,
    });
    run.abort();
    await ended;
    expect(await dumps()).toEqual([]);
  });
});
