import { mkdir, open } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { removeTree } from '../../base/disk.ts';
import { messageOf } from '../../base/errors.ts';
import { run } from '../../base/process.ts';
import { operate } from '../../hooks/sqlite/operate.ts';
import type { CheckResult } from '../../run/drill/record.ts';
import { isSqliteHeader, sqliteHeaderBytes } from '../../snapshot/entries/sqlite.ts';
import type { Restore } from '../plan/types.ts';
import type { Drill } from '../task.ts';

/** Names of databases. Every file of a volume of 200,000 would be opened otherwise. */
const names = ['*.db', '*.db3', '*.sqlite', '*.sqlite3'].flatMap((name, at) =>
  at === 0 ? ['-iname', name] : ['-o', '-iname', name],
);
const mostFiles = 200;

const looksLikeOne = async (path: string): Promise<boolean> => {
  await using file = await open(path, 'r');
  const { buffer } = await file.read(Buffer.alloc(sqliteHeaderBytes), 0, sqliteHeaderBytes, 0);
  return isSqliteHeader(buffer);
};

const databasesIn = async (folder: string, signal: AbortSignal): Promise<readonly string[]> => {
  const where = ['find', folder, '-xdev', '-type', 'f', '(', ...names, ')', '-print0'];
  const found = (await run(where, { signal })).stdout.toString('utf8').split('\0').filter(Boolean);
  const databases: string[] = [];
  // A name that is not UTF-8 cannot be opened by its text; its bytes were compared with the index.
  for (const path of found.sort().slice(0, mostFiles))
    if (await looksLikeOne(path).catch(() => false)) databases.push(path);
  return databases;
};

/** Whoever opens a database folds its log in: a copy is opened, with its log, and not what the services get. */
const copied = async (path: string, work: string, signal: AbortSignal): Promise<string> => {
  await mkdir(work);
  for (const suffix of ['', '-wal', '-journal'])
    await run(['cp', '--reflink=auto', '--no-dereference', '--', path + suffix, work], { signal });
  return join(work, basename(path));
};

/** `integrity_check` of every SQLite file of one copy that is back. */
export const sqliteChecks = async (
  { mount }: Restore,
  folder: string,
  { scratch, tools }: Drill,
): Promise<readonly CheckResult[]> => {
  const results: CheckResult[] = [];
  const work = join(scratch, 'sqlite');
  for (const path of await databasesIn(folder, tools.signal)) {
    const about = `${mount.name}: ${relative(folder, path)}`;
    try {
      const source = await copied(path, work, tools.signal);
      await operate(about, tools.signal, { source, check: 'full', checkpoint: false, use: 'quiet' });
      results.push({ kind: 'sqlite', about, ok: true, message: 'is whole' });
    } catch (error) {
      if (tools.signal.aborted) throw error;
      results.push({ kind: 'sqlite', about, ok: false, message: messageOf(error) });
    } finally {
      await removeTree(work);
    }
  }
  return results;
};
