import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../../src/base/disk.ts';
import type { SqliteCheck } from '../../../../src/config/checks/types.ts';
import { askCheck } from '../../../../src/hooks/checks/ask.ts';
import { bind, hookContext, stackContainer } from '../../../support/hooks.ts';
import { unfinished } from '../../../support/hostile-journal.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder('asked');
});
afterEach(() => removeTree(folder));

const ask = (sql: string, settled = false): Promise<string> => {
  const check: SqliteCheck = {
    ...{ kind: 'sqlite', name: 'rows', service: 'app', path: '/data/app.db', sql },
    ...{ expect: { is: 'same' }, timeout: 60_000, onFailure: 'warn' },
  };
  const container = stackContainer('app', { mounts: [bind(folder, '/data')] });
  const { engine, signal } = hookContext([container]);
  return askCheck(check, { engine, container, hooks: [], secrets: [], hostPaths: true, settled, signal });
};

describe('what an SQLite file answers', () => {
  it('has every column, also two of one name', async () => {
    using database = new DatabaseSync(join(folder, 'app.db'));
    database.exec(
      "CREATE TABLE a (id, note); CREATE TABLE b (id); INSERT INTO a VALUES (1, 'x'), (2, NULL); INSERT INTO b VALUES (7)",
    );
    expect(await ask('SELECT a.id, b.id, note FROM a, b ORDER BY 1')).toBe('1|7|x\n2|7|');
  });

  it('is that of before a writer was killed, where nobody can be at work on it', async () => {
    unfinished(join(folder, 'app.db'));
    const count = "SELECT count(*) FROM orders WHERE note LIKE 'b%'";
    await expect(ask(count)).rejects.toMatchObject({ code: 'database-unsafe' });
    expect(await ask(count, true)).toBe('0');
  });
});
