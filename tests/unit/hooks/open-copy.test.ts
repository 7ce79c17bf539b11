import { access, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { openSqliteCopy } from '../../../src/hooks/sqlite/open-copy.ts';
import { isSqliteHeader } from '../../../src/snapshot/entries/sqlite.ts';
import { makeVictim, nameAnother } from '../../support/hostile-journal.ts';
import { must } from '../../support/odd-tree.ts';
import { temporaryFolder } from '../../support/temporary.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await temporaryFolder('open-copy');
  path = join(folder, 'copy');
});
afterEach(() => removeTree(folder));

/** A database of some pages, as a writer leaves it that is killed: with its journal or log. */
const left = async (mode: 'delete' | 'wal'): Promise<void> => {
  const live = join(folder, 'live');
  using database = new DatabaseSync(live);
  database.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT UNIQUE)`);
  const fill = `INSERT INTO t (text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    SELECT printf('%0100d', i + (SELECT count(*) FROM t)) FROM n`;
  database.exec(fill);
  // A cache of a few pages: the transaction reaches the file before it ends.
  database.exec(`PRAGMA cache_size = 5; BEGIN; ${fill}`);
  for (const end of ['', mode === 'wal' ? '-wal' : '-journal']) await must(['cp', live + end, path + end]);
  database.exec('ROLLBACK');
};

const opened = () => openSqliteCopy(path, undefined);

describe('a scratch copy of a database', () => {
  it.each(['delete', 'wal'] as const)('is opened as after a power cut, in mode %s', async (mode) => {
    await left(mode);
    expect(isSqliteHeader(await readFile(path))).toBe(true);
    expect(await opened()).toEqual({ is: 'sound' });
  });

  it('without the journal that belongs to it is found damaged', async () => {
    await left('delete');
    await rename(`${path}-journal`, join(folder, 'elsewhere'));
    expect(await opened()).toMatchObject({ is: 'damaged' });
  });

  it('that is none is told, and one that another process could not read is no proof', async () => {
    await writeFile(path, 'SQLite format 3\0 and then a text about it'.padEnd(4096));
    expect(await opened()).toMatchObject({ is: 'damaged' });
    expect(await openSqliteCopy(join(folder, 'absent'), undefined)).toMatchObject({ is: 'unknown' });
  });

  it('never makes SQLite read or remove a file that its journal names', async () => {
    await left('delete');
    const victim = makeVictim(folder, path);
    nameAnother(path, victim);
    expect(await opened()).toMatchObject({
      is: 'unknown',
      why: expect.stringContaining('several databases'),
    });
    await expect(access(victim)).resolves.toBeUndefined();
  });

  it('is left when it is interrupted', async () => {
    await left('wal');
    await expect(openSqliteCopy(path, AbortSignal.abort())).rejects.toMatchObject({ code: 'interrupted' });
  });
});

it('isSqliteHeader minds more than the first words', () => {
  const header = Buffer.alloc(100);
  header.write('SQLite format 3\0', 'latin1');
  header.set([0x10, 0x00, 1, 1, 0, 64, 32, 32], 16);
  expect(isSqliteHeader(header)).toBe(true);
  expect(isSqliteHeader(header.subarray(0, 23))).toBe(false);
  for (const at of [0, 15, 16, 21, 22, 23]) {
    const other = Buffer.from(header);
    other[at] = (other[at] ?? 0) ^ 0x05;
    expect([at, isSqliteHeader(other)]).toEqual([at, false]);
  }
});
