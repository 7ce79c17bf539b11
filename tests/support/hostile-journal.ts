import { appendFileSync, copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** A database of some pages at `path` as a writer leaves it that is killed: its transaction has reached the file. */
export const unfinished = (path: string): void => {
  const live = `${path}.live`;
  using database = new DatabaseSync(live);
  database.exec(`PRAGMA journal_mode = delete; CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT UNIQUE);
    INSERT INTO orders (note) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
      SELECT printf('%0100d', i) FROM n;
    PRAGMA cache_size = 5; BEGIN; UPDATE orders SET note = 'b' || note`);
  for (const end of ['', '-journal']) copyFileSync(live + end, path + end);
  database.exec('ROLLBACK');
  database.close();
  rmSync(live);
};

/** Makes the journal of a database name another file. SQLite removes that when it rolls the journal back. */
export const nameAnother = (path: string, victim: string): void => {
  const name = Buffer.from(victim);
  const end = Buffer.alloc(8);
  end.writeUInt32BE(name.length, 0);
  end.writeUInt32BE(
    name.reduce((total, byte) => total + byte, 0),
    4,
  );
  // Page number of the lock byte, the name, its length and checksum, the magic: a super-journal's name.
  const page = Buffer.alloc(4);
  page.writeUInt32BE(262_145);
  appendFileSync(`${path}-journal`, Buffer.concat([page, name, end, Buffer.from('d9d505f920a163d7', 'hex')]));
};

/** A file that also the newest SQLite takes for one that it may remove: by its name, and by what stands in it. */
export const makeVictim = (folder: string, path: string): string => {
  const victim = `${folder}/important-mj0000019AB`;
  writeFileSync(victim, `${path}-journal\0`);
  return victim;
};
