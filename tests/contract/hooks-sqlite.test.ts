import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { run } from '../../src/base/process.ts';
import type { SqliteHook } from '../../src/config/types.ts';
import { connectEngine } from '../../src/docker/dockerode.ts';
import type { Engine } from '../../src/docker/engine.ts';
import { checkHook, runHook } from '../../src/hooks/registry.ts';
import type { HookContext } from '../../src/hooks/types.ts';
import { docker, randomName, startContainer, type TestContainer } from '../support/containers.ts';
import { hookContext, sqliteHook } from '../support/hooks.ts';

/** Writes one row into each of two tables in one transaction, as fast as it can: a torn copy can be seen. */
const writer = `
import os, sqlite3, sys
os.setgid(4712); os.setuid(4711)
db = sqlite3.connect("/data/shop.db", isolation_level=None, timeout=30)
db.execute("PRAGMA journal_mode = " + sys.argv[1])
db.execute("PRAGMA synchronous = NORMAL")
db.execute("CREATE TABLE a (i INTEGER PRIMARY KEY, t TEXT)")
db.execute("CREATE TABLE b (i INTEGER PRIMARY KEY, t TEXT)")
i = 0
while True:
    i += 1
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO a VALUES (?, ?)", (i, "x" * 500))
    db.execute("INSERT INTO b VALUES (?, ?)", (i, "y" * 500))
    db.execute("COMMIT")
`;

let engine: Engine;
let folder: string;
beforeAll(async () => {
  engine = await connectEngine();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sb-hooks-live-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const hookFor = (over: Partial<SqliteHook> = {}): SqliteHook =>
  sqliteHook({ timeout: 60_000, path: '/data/shop.db', ...over });

/** Rows of both tables; they must be one. */
const rowsOf = (file: string): readonly [number, number] => {
  const url = pathToFileURL(file);
  url.searchParams.set('immutable', '1');
  using database = new DatabaseSync(url, { readOnly: true });
  const count = (table: string): number =>
    Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
  return [count('a'), count('b')];
};

describe.each(['wal', 'delete'])('a database with a live writer in a container, journal mode %s', (mode) => {
  const volume = randomName('sqlite');
  let app: TestContainer;
  let live: string;

  beforeAll(async () => {
    await docker('volume', 'create', '--label', 'io.stack-backup.test=1', volume);
    const mountpoint = await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', volume);
    live = join(mountpoint, 'shop.db');
    app = await startContainer(
      engine,
      'app',
      'stack-backup-example/app',
      ['-v', `${volume}:/data`],
      ['sh', '-c', 'chown 4711:4712 /data && exec python3 -c "$0" "$1"', writer, mode],
    );
    await vi.waitUntil(async () => ((await stat(live).catch(() => undefined))?.size ?? 0) > 500_000, {
      timeout: 60_000,
      interval: 50,
    });
  });
  afterAll(async () => {
    await app?.[Symbol.asyncDispose]();
    await docker('volume', 'rm', volume);
  });

  it('is copied whole each time, and the writer goes on', async () => {
    const context = async (): Promise<HookContext> => hookContext([await app.observed()], { engine, folder });
    await checkHook(hookFor(), await context());
    let last = 0;
    for (let round = 0; round < 5; round += 1) {
      const result = await runHook(hookFor(), await context());
      const copy = join(folder, result.dumps[0]?.path ?? '');
      const [a, b] = rowsOf(copy);
      expect(a).toBe(b);
      expect(a).toBeGreaterThan(last);
      last = a;
      expect(await readdir(join(folder, 'dumps/app'))).toEqual(['data%2Fshop.db.sqlite']);
      await rm(copy);
    }
    const { details } = await app.observed();
    expect(details.state).toBe('running');
    for (const name of await readdir(join(live, '..'))) {
      const found = await stat(join(live, '..', name)).catch(() => undefined);
      if (found !== undefined) expect([name, found.uid, found.gid]).toEqual([name, 4711, 4712]);
    }
  });

  it.runIf(process.getuid?.() === 0)('leaves nothing behind when the disk is full', async () => {
    const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
    expect(mounted.stderr).toBe('');
    try {
      const context = hookContext([await app.observed()], { engine, folder });
      await expect(runHook(hookFor(), context)).rejects.toMatchObject({
        code: 'hook-failed',
        next: expect.stringContaining('Free space'),
      });
      expect(await readdir(join(folder, 'dumps/app'))).toEqual([]);
    } finally {
      await run(['umount', folder]);
    }
  });

  it('is copied as a whole also after its container was killed', async () => {
    await docker('kill', app.id);
    const left = await readdir(join(live, '..'));
    const context = hookContext([await app.observed()], { engine, folder, phase: 'while-stopped' });
    await checkHook(hookFor({ phase: 'while-stopped' }), context);
    const result = await runHook(hookFor({ phase: 'while-stopped' }), context);
    expect(result.warnings).toEqual([]);
    const [a, b] = rowsOf(join(folder, result.dumps[0]?.path ?? ''));
    expect(a).toBe(b);
    // A log or a hot journal is taken in and gone. A journal that was killed before its header was written means
    // nothing to SQLite, which leaves it where it is.
    const now = await readdir(join(live, '..'));
    if (mode === 'wal') expect(now).toEqual(['shop.db']);
    else expect(left).toEqual(expect.arrayContaining(now));
    expect(now).toContain('shop.db');
  });
});
