import { copyFileSync, existsSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { checkHook, runHook } from '../../../src/hooks/registry.ts';
import { openLive } from '../../../src/hooks/sqlite/live.ts';
import type { SqliteRequest } from '../../../src/hooks/sqlite/process.ts';
import type { HookContext } from '../../../src/hooks/types.ts';
import { bind, hookContext, sqliteHook, stackContainer } from '../../support/hooks.ts';
import { makeVictim, nameAnother, unfinished } from '../../support/hostile-journal.ts';
import { temporaryFolder } from '../../support/temporary.ts';

let base = '';
let data = '';
let file = '';
let victim = '';
beforeEach(async () => {
  base = await temporaryFolder('sqlite-hostile');
  data = join(base, 'data');
  file = join(data, 'app.db');
  for (const folder of [data, join(base, 'snapshot')]) await mkdir(folder);
  victim = makeVictim(base, file);
});
afterEach(() => removeTree(base));

const hook = sqliteHook();

const context = (over: Partial<HookContext> = {}, state: 'running' | 'exited' = 'running'): HookContext =>
  hookContext([stackContainer('app', { state, mounts: [bind(data, '/srv')] })], {
    folder: join(base, 'snapshot'),
    ...over,
  });

const stopped: Partial<HookContext> = { phase: 'while-stopped', quiesce: 'stop' };

const walDatabase = (path: string): void => {
  using database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = wal; CREATE TABLE t (n); INSERT INTO t VALUES (1)');
};

describe('a journal that names a file of the host', () => {
  const hostile = (): void => {
    unfinished(file);
    nameAnother(file, victim);
  };

  it('is one that SQLite would remove that file for', () => {
    hostile();
    using database = new DatabaseSync(file);
    database.prepare('SELECT count(*) FROM orders').get();
    expect(existsSync(victim)).toBe(false);
  });

  it.each([
    ['live', {}, hook],
    ['while its service is down', stopped, { ...hook, phase: 'while-stopped' as const }],
    ['only looked at', {}, { ...hook, backup: false, checkpoint: false }],
  ])('is refused, and the file stays: %s', async (_when, over, one) => {
    hostile();
    await expect(runHook(one, context(over))).rejects.toMatchObject({
      code: 'database-unsafe',
      message: expect.stringContaining('the journal of "/srv/app.db" names another file'),
      next: expect.stringContaining('find out who wrote that journal'),
    });
    expect(existsSync(victim)).toBe(true);
    expect(existsSync(`${file}-journal`)).toBe(true);
  });

  it('is refused before anything is stopped where the hook runs later', async () => {
    hostile();
    const later = { ...hook, phase: 'while-stopped' as const };
    await expect(checkHook(later, context(stopped))).rejects.toMatchObject({ code: 'database-unsafe' });
    expect(existsSync(victim)).toBe(true);
  });
});

describe('a journal that a killed writer has left', () => {
  it('is rolled back when its service is down, as the service would do it', async () => {
    unfinished(file);
    const later = { ...hook, phase: 'while-stopped' as const };
    await checkHook(later, context(stopped));
    const { dumps } = await runHook(later, context(stopped));
    using copy = new DatabaseSync(join(base, 'snapshot', dumps[0]?.path ?? ''), { readOnly: true });
    expect(copy.prepare("SELECT count(*) AS n FROM orders WHERE note LIKE 'b%'").get()?.n).toBe(0);
    unfinished(file);
    const looking = { ...hook, backup: false };
    expect((await runHook(looking, context({}, 'exited'))).summary).toContain('integrity_check ok');
  });

  it('is left to its service while that runs: it could be swapped meanwhile', async () => {
    unfinished(file);
    await expect(runHook(hook, context())).rejects.toMatchObject({
      code: 'database-unsafe',
      next: expect.stringContaining('while-stopped'),
    });
    expect(existsSync(`${file}-journal`)).toBe(true);
  });
});

describe('a container that turns its files against the one who opens them', () => {
  const request: SqliteRequest = { source: '', use: 'live', check: 'none', checkpoint: true };

  /** `meddle` comes when the last look is over: just before the database is opened in this mode. */
  const openedWith = (mode: 'ro' | 'rw', meddle: () => void) =>
    openLive({ ...request, source: file }, (asked, options) => {
      if (asked === mode) meddle();
      return new DatabaseSync(file, options);
    });

  it('cannot plant a journal behind the last look', async () => {
    walDatabase(file);
    unfinished(join(base, 'other.db'));
    nameAnother(join(base, 'other.db'), victim);
    const plant = (): void => copyFileSync(join(base, 'other.db-journal'), `${file}-journal`);
    await expect(openedWith('ro', plant)).rejects.toMatchObject({ refusal: 'names-another' });
    rmSync(`${file}-journal`);
    await expect(openedWith('rw', plant)).rejects.toThrow('database is locked');
    expect(existsSync(victim)).toBe(true);
    rmSync(`${file}-journal`);
    using database = await openedWith('rw', () => undefined);
    plant();
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    expect(existsSync(victim)).toBe(true);
  });

  it.each(['ro', 'rw'] as const)('cannot have another file opened in its place: %s', async (mode) => {
    walDatabase(file);
    const outside = join(base, 'outside.db');
    walDatabase(outside);
    const swap = (): void => {
      renameSync(file, `${file}.away`);
      symlinkSync(outside, file);
    };
    await expect(openedWith(mode, swap)).rejects.toMatchObject({ refusal: 'moved' });
    expect((await readdir(base)).filter((name) => name.startsWith('outside'))).toEqual(['outside.db']);
  });
});
