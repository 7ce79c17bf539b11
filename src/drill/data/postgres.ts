import { constants } from 'node:fs';
import { lstat, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

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

const isFile = (path: string): Promise<boolean> =>
  lstat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );

/** Folders of clusters below a folder. Links are never followed: what lies there came out of a snapshot. */
const clustersIn = async (folder: string, left = depth): Promise<readonly string[]> => {
  if (await isFile(join(folder, 'PG_VERSION'))) return [folder];
  if (left === 0) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  const below = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => clustersIn(join(folder, name), left - 1));
  return (await Promise.all(below)).flat();
};

/** Writes a new file and puts it in the old one's place, so that no link leads the writing elsewhere. */
const openRules = async (cluster: string): Promise<boolean> => {
  const path = join(cluster, 'pg_hba.conf');
  if (!(await isFile(path))) return false;
  const old = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  await using _ = old;
  const { size, uid, gid, mode } = await old.stat();
  if (size > longest) return false;
  const text = await old.readFile('utf8');
  if (text.startsWith(rules)) return true;
  const fresh = join(cluster, '.pg_hba.conf.drill');
  const file = await open(fresh, 'wx', mode & 0o777);
  try {
    await file.writeFile(rules + text);
    await file.chown(uid, gid);
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  return true;
};

/**
 * Lets everybody in the sandbox into the PostgreSQL servers whose data lies in this folder of the host: the
 * values that services have for passwords are none that the servers know. Nothing may use the folder, or its
 * server has to read the rules again. Resolves with whether there was one.
 */
export const letIn = async (folder: string): Promise<boolean> => {
  const opened = await Promise.all((await clustersIn(folder)).map(openRules));
  return opened.includes(true);
};
