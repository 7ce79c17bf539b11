import { link, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { CopyResult } from '../../src/copy/types.ts';
import { captureDelta } from '../../src/copy/warm/delta.ts';
import type { Base } from '../../src/copy/warm/types.ts';
import { warmTree } from '../../src/copy/warm/warm.ts';
import { warmArchive } from '../../src/copy/warm/warm-archive.ts';
import { archivePath, volumePath } from '../../src/snapshot/layout.ts';
import { completeSnapshot, volumeTask } from './made-snapshot.ts';
import { baseOf } from './nights.ts';
import { below, must, oddNames } from './odd-tree.ts';

/** Two snapshots of one source: as a tree (`tree`), and as an archive (`pack`), which has two parts in the second. */
export interface Nights {
  readonly source: string;
  readonly first: string;
  readonly second: string;
}

/** `shop.db` has rows that stand in its log alone, as after a power cut; `copy.db` has no log. */
const databases = async (folder: string): Promise<void> => {
  using open = new DatabaseSync(join(folder, 'live.db'));
  open.exec('PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT)');
  open.exec("INSERT INTO orders (what) VALUES ('a'), ('b')");
  await must(['cp', 'live.db', 'shop.db'], folder);
  await must(['cp', 'live.db-wal', 'shop.db-wal'], folder);
  open.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  await must(['cp', 'live.db', 'copy.db'], folder);
};

const fill = async (source: string): Promise<void> => {
  await mkdir(join(source, 'folder/empty'), { recursive: true });
  await mkdir(join(source, 'app'));
  for (const [place, name] of oddNames.entries()) await writeFile(below(source, name), `odd ${place}\n`);
  await writeFile(join(source, 'same'), 'the same in both');
  await writeFile(join(source, 'changes'), 'before');
  await writeFile(join(source, 'goes'), 'gone later');
  await writeFile(join(source, 'folder/inner'), Buffer.alloc(300_000, 'inner '));
  await link(join(source, 'folder/inner'), join(source, 'folder/other-name'));
  await symlink('same', join(source, 'link'));
  await symlink('/etc/passwd', join(source, 'link-out'));
  await databases(join(source, 'app'));
  await rm(join(source, 'app/live.db'));
};

const edit = async (source: string): Promise<void> => {
  await writeFile(join(source, 'changes'), 'afterwards');
  await rm(join(source, 'goes'));
  await writeFile(join(source, 'comes'), 'new');
  await must(['chmod', '600', 'folder/empty'], source);
  await must(['chown', '7:8', 'same'], source);
};

const extras = async (snapshot: string, dump: string): Promise<void> => {
  await mkdir(join(snapshot, 'dumps/app'), { recursive: true });
  await mkdir(join(snapshot, 'compose'));
  await mkdir(join(snapshot, 'logs'));
  await writeFile(join(snapshot, 'dumps/app/orders.txt'), dump);
  await writeFile(join(snapshot, 'compose/01-compose.yaml'), 'services: {}\n');
  await writeFile(join(snapshot, 'logs/app.log.zst'), 'a log');
};

const onBaseLost = (why: string): never => {
  throw new Error(why);
};

const night = async (
  source: string,
  snapshot: string,
  [tree, pack]: readonly [Base?, Base?],
): Promise<readonly CopyResult[]> => {
  await mkdir(snapshot);
  await extras(snapshot, pack === undefined ? 'one\n' : 'one\ntwo\n');
  const packed = { ...volumeTask('pack', source), path: archivePath(volumePath('pack')) };
  const options = (base: Base | undefined) => ({ bytes: 0, base, onBaseLost });
  const warm = [
    await warmTree(volumeTask('tree', source), snapshot, options(tree)),
    await warmArchive(packed, snapshot, options(pack)),
  ];
  const copies = [];
  for (const one of warm) copies.push(await captureDelta(one, snapshot, { quiet: true }));
  return await completeSnapshot(snapshot, copies);
};

/** Makes both in a folder. */
export const makeNights = async (folder: string): Promise<Nights> => {
  const source = join(folder, 'source');
  const [first, second] = [join(folder, 'core-20261120-030000'), join(folder, 'core-20261121-030000')];
  await mkdir(source);
  await fill(source);
  const results = await night(source, first, []);
  await edit(source);
  const [tree, pack] = results;
  if (tree === undefined || pack === undefined) throw new Error('a mount is missing');
  await night(source, second, [baseOf(first, tree), baseOf(first, pack)]);
  return { source, first, second };
};
