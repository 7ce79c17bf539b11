import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, rename } from 'node:fs/promises';
import { FolderWalk, throughHandle } from '../../copy/back/place/folder-walk.ts';

/** What stands in front of all other rules: whoever reaches the server may enter, and nobody outside can. */
const rules = [
  '# Put here by a drill: the sandbox is closed, and the passwords of the original are not in it.',
  'local all all trust',
  'host all all all trust',
  '',
].join('\n');

/** Nobody has written a longer one. */
const longest = 1024 * 1024;
const depth = 2;

const isFile = (path: Buffer): Promise<boolean> =>
  lstat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );

const inside = (folder: Buffer, name: Buffer | string): Buffer =>
  Buffer.concat([folder, Buffer.from(folder.length === 0 ? '' : '/'), Buffer.from(name)]);

/**
 * Folders of clusters below a folder. What lies there came out of a snapshot, and a server of that may be at
 * work in it: every folder is reached through the handle of the one above, and no link is followed.
 */
const clustersIn = async (walk: FolderWalk, folder: Buffer, left = depth): Promise<readonly Buffer[]> => {
  if (await isFile(walk.at(inside(folder, 'PG_VERSION')))) return [folder];
  if (left === 0) return [];
  const found: Buffer[] = [];
  const here = throughHandle(walk.folder(folder), Buffer.from('.'));
  for (const entry of await readdir(here, { withFileTypes: true, encoding: 'buffer' })) {
    if (!entry.isDirectory()) continue;
    // One that is gone, or is a link now, has no server in it.
    found.push(...(await clustersIn(walk, inside(folder, entry.name), left - 1).catch(() => [])));
  }
  return found;
};

/** Writes a new file and puts it in the old one's place, so that no link leads the writing elsewhere. */
const openRules = async (walk: FolderWalk, cluster: Buffer): Promise<boolean> => {
  const path = walk.at(inside(cluster, 'pg_hba.conf'));
  if (!(await isFile(path))) return false;
  await using old = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stats = await old.stat();
  if (!stats.isFile() || stats.size > longest) return false;
  const text = await old.readFile('utf8');
  if (text.startsWith(rules)) return true;
  const fresh = walk.at(inside(cluster, `.pg_hba.conf.${randomBytes(6).toString('hex')}`));
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  await using file = await open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, stats.mode & 0o777);
  await file.writeFile(rules + text);
  await file.chown(stats.uid, stats.gid);
  await rename(fresh, path);
  return true;
};

/**
 * Lets everybody in the sandbox into the PostgreSQL servers whose data lies in this folder of the host: the
 * values that services have for passwords are none that the servers know. Nothing may use the folder, or its
 * server has to read the rules again. Resolves with whether there was one.
 */
export const letIn = async (folder: string): Promise<boolean> => {
  using walk = new FolderWalk(folder);
  let isOpen = false;
  for (const cluster of await clustersIn(walk, Buffer.alloc(0)))
    isOpen = (await openRules(walk, cluster)) || isOpen;
  return isOpen;
};
