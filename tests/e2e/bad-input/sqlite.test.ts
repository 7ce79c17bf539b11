import { mkdir, open, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BadInput, Bench, configWith } from '../../support/bad-input.ts';
import { named } from '../../support/named.ts';
import { fingerprint } from '../../support/untouched.ts';

const failed = { exit: 1, code: 'hook-failed' } as const;
const corrupt = { exit: 1, code: 'database-corrupt' } as const;

const sqlite = (path: string, ...more: readonly string[]): string =>
  configWith(
    ['    hooks:', '      - kind: sqlite', '        service: app', `        path: ${path}`]
      .concat(
        more.map((line) => `        ${line}`),
        '',
      )
      .join('\n'),
  );

/** Found before anything is written. */
const beforehand: readonly BadInput[] = [
  {
    what: 'a path where there is nothing is an error, never an empty database',
    config: sqlite('/files/none.db'),
    ...failed,
    says: ['hook sqlite-app: there is no "/files/none.db" in bind "@/files"'],
    next: 'Check `path:`; it is a path in the container, below one of its mounts.',
  },
  {
    what: 'an empty file',
    config: sqlite('/files/empty.db'),
    ...failed,
    says: ['hook sqlite-app: "/files/empty.db" is empty: no database has been written there'],
    next: 'Check `path:`, and that the application really keeps its data in this file.',
  },
  {
    what: 'a file that is no database',
    config: sqlite('/files/here'),
    ...corrupt,
    says: ['hook sqlite-app: "/files/here" does not begin like an SQLite database'],
    next: 'Check `path:`; if it is right, restore the file from an earlier snapshot or salvage it.',
  },
  {
    what: 'a folder',
    config: sqlite('/files/folder'),
    ...failed,
    says: ['hook sqlite-app: "/files/folder" is not a regular file'],
    next: 'Give the path of the database file itself.',
  },
  {
    what: 'a path outside of every mount',
    config: sqlite('/var/lib/app.db'),
    ...failed,
    says: ['hook sqlite-app: "/var/lib/app.db" lies in no mount of the container'],
    next: 'Give a path below one of its mounts: "/data", "/files".',
  },
  {
    what: 'a link that leads out of its mount, to a sound database of somebody else',
    config: sqlite('/files/escape.db'),
    ...failed,
    says: ['hook sqlite-app: "/files/escape.db" is a symbolic link that leads out of its mount'],
    next: 'Give the path of the database itself, below a mount of the container.',
  },
  {
    what: 'a write-ahead log that is a link',
    config: sqlite('/files/planted.db'),
    ...failed,
    says: ['hook sqlite-app: "/files/planted.db-wal" is not a regular file'],
    next: 'Find out who put it there; SQLite keeps its journal under this name.',
  },
  {
    what: 'a damaged database whose hook runs while services are down: it is looked at before',
    config: sqlite('/files/damaged.db', 'phase: while-stopped'),
    ...corrupt,
    says: [/hook sqlite-app: the SQLite database "\/files\/damaged\.db" is damaged: /],
    next: 'Restore it from an earlier snapshot, or rescue its rows with `sqlite3 <file> .recover`.',
  },
];

const makeDatabase = (path: string): void => {
  using database = new DatabaseSync(path);
  database.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)');
  const insert = database.prepare('INSERT INTO orders (note) VALUES (?)');
  for (let row = 0; row < 500; row++) insert.run('x'.repeat(100));
};

/** Overwrites a page in the middle: the header still promises a database. */
const damage = async (path: string): Promise<void> => {
  const file = await open(path, 'r+');
  try {
    await file.write(Buffer.alloc(4096, 0xa5), 0, 4096, 4096 * 5);
  } finally {
    await file.close();
  }
};

describe('an SQLite file that cannot be backed up', () => {
  let bench: Bench;
  const file = (name: string): string => join(bench.stack.folder, 'files', name);

  beforeAll(async () => {
    bench = await Bench.open();
    await writeFile(file('empty.db'), '');
    await mkdir(file('folder'));
    for (const name of ['damaged.db', 'planted.db', '../outside.db']) makeDatabase(file(name));
    await damage(file('damaged.db'));
    await symlink('../outside.db', file('escape.db'));
    await symlink('../outside.db', file('planted.db-wal'));
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());
  beforeEach(() => rm(bench.backups, { recursive: true, force: true }));

  it.each(named(beforehand))('%s', async (_what, bad) => {
    const [before, outside] = [await fingerprint(file('')), await fingerprint(file('../outside.db'))];
    await bench.refuses(bad, ['plan', 'shop']);
    expect(await fingerprint(file(''))).toEqual(before);
    expect(await fingerprint(file('../outside.db'))).toEqual(outside);
  });

  it.each(['quick', 'full'])('a damaged database (%s check): no snapshot calls it good', async (check) => {
    const before = await fingerprint(file('damaged.db'));
    await bench.fails({
      config: sqlite('/files/damaged.db', `check: ${check}`),
      ...corrupt,
      says: [/hook sqlite-app: the SQLite database "\/files\/damaged\.db" is damaged: /],
      next: 'Restore it from an earlier snapshot, or rescue its rows with `sqlite3 <file> .recover`.',
    });
    expect(await fingerprint(file('damaged.db'))).toEqual(before);
  });
});
