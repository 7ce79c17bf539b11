import { copyFile, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../../src/base/disk.ts';
import { sqliteChecks } from '../../../../src/drill/checks/sqlite.ts';
import type { Restore } from '../../../../src/drill/plan/types.ts';
import type { DrillTools } from '../../../../src/drill/task.ts';
import { unfinished } from '../../../support/hostile-journal.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

let folder: string;
let volume: string;
beforeEach(async () => {
  folder = await temporaryFolder('drilled-sqlite');
  volume = join(folder, 'volume');
  await mkdir(volume);
  await mkdir(join(folder, 'scratch'));
});
afterEach(() => removeTree(folder));

const check = async (most?: number) => {
  const observations: string[] = [];
  const tools = { signal: new AbortController().signal } as DrillTools;
  const drill = { scratch: join(folder, 'scratch'), tools, observations };
  const results = await sqliteChecks({ mount: { name: 'data' } } as Restore, volume, drill, most);
  return { results: results.map(({ about, ok, message }) => [about, ok, message]), observations };
};

const zeroPage = async (path: string, page: number): Promise<void> => {
  await using file = await open(path, 'r+');
  await file.write(Buffer.alloc(4096), 0, 4096, page * 4096);
};

describe('SQLite files in a drill', () => {
  it('are opened as their services will: with the log, and with the journal of a writer that was killed', async () => {
    const live = join(folder, 'live.db');
    {
      using database = new DatabaseSync(live);
      database.exec('PRAGMA journal_mode = wal; CREATE TABLE t (n TEXT); INSERT INTO t VALUES (1)');
      database.exec("PRAGMA wal_checkpoint(TRUNCATE); UPDATE t SET n = 'two'");
      for (const end of ['', '-wal']) await copyFile(live + end, join(volume, `logged.db${end}`));
    }
    await zeroPage(join(volume, 'logged.db'), 1); // the log has a newer one in its place
    unfinished(join(volume, 'begun.db'));
    unfinished(join(volume, 'damaged.db'));
    await zeroPage(join(volume, 'damaged.db'), 3);
    await zeroPage(join(volume, 'damaged.db-journal'), 0);
    const { results, observations } = await check();
    expect(results).toEqual([
      ['data: begun.db', true, 'is whole'],
      ['data: damaged.db', false, expect.stringMatching(/^is damaged: ./)],
      ['data: logged.db', true, 'is whole'],
    ]);
    expect(observations).toEqual([]);
  });

  it('are so many at most, and how many more there are is told', async () => {
    for (const name of ['a.db', 'b.sqlite', 'c.db', 'd.DB3']) {
      using database = new DatabaseSync(join(volume, name));
      database.exec('CREATE TABLE t (n)');
    }
    const { results, observations } = await check(2);
    expect(results.map(([about]) => about)).toEqual(['data: a.db', 'data: b.sqlite']);
    expect(observations).toEqual([
      'data has 2 more files that are called like SQLite files: they were not opened',
    ]);
  });
});
