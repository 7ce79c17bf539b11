import { mkdir, open } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { removeTree } from '../../base/disk.ts';
import { messageOf } from '../../base/errors.ts';
import { run } from '../../base/process.ts';
import { copySet } from '../../hooks/sqlite/copy-set.ts';
import { openSqliteCopy } from '../../hooks/sqlite/open-copy.ts';
import type { CheckResult } from '../../run/drill/record.ts';
import { isSqliteHeader, sqliteHeaderBytes } from '../../snapshot/entries/sqlite.ts';
import type { Restore } from '../plan/types.ts';
import type { Drill } from '../task.ts';

/** Names of databases. Every file of a volume of 200,000 would be opened otherwise. */
const names = ['*.db', '*.db3', '*.sqlite', '*.sqlite3'].flatMap((name, at) =>
  at === 0 ? ['-iname', name] : ['-o', '-iname', name],
);
/** Each is opened by a process of its own. */
const mostFiles = 200;

const looksLikeOne = async (path: string): Promise<boolean> => {
  await using file = await open(path, 'r');
  const { buffer } = await file.read(Buffer.alloc(sqliteHeaderBytes), 0, sqliteHeaderBytes, 0);
  return isSqliteHeader(buffer);
};

interface Found {
  readonly databases: readonly string[];
  /** Files of such names beyond those that are opened. */
  readonly further: number;
}

const databasesIn = async (folder: string, most: number, signal: AbortSignal): Promise<Found> => {
  const where = ['find', folder, '-xdev', '-type', 'f', '(', ...names, ')', '-print0'];
  const found = (await run(where, { signal })).stdout.toString('utf8').split('\0').filter(Boolean);
  const databases: string[] = [];
  // A name that is not UTF-8 cannot be opened by its text; its bytes were compared with the index.
  for (const [at, path] of found.sort().entries()) {
    if (databases.length === most) return { databases, further: found.length - at };
    if (await looksLikeOne(path).catch(() => false)) databases.push(path);
  }
  return { databases, further: 0 };
};

/**
 * Whoever opens a database folds its log in: a copy is opened, with its log, and not what the services get.
 * Resolves with what is wrong with it.
 */
const opened = async (path: string, work: string, signal: AbortSignal): Promise<string | undefined> => {
  await mkdir(work);
  const copy = join(work, 'database');
  await copySet(path, copy, signal);
  const is = await openSqliteCopy(copy, signal);
  if (is.is === 'sound') return undefined;
  return is.is === 'damaged' ? `is damaged: ${is.why}` : `could not be checked: ${is.why}`;
};

/** `integrity_check` of the SQLite files of one copy that is back, `most` of them. */
export const sqliteChecks = async (
  { mount }: Restore,
  folder: string,
  { scratch, tools, observations }: Pick<Drill, 'scratch' | 'tools' | 'observations'>,
  most = mostFiles,
): Promise<readonly CheckResult[]> => {
  const results: CheckResult[] = [];
  const work = join(scratch, 'sqlite');
  const { databases, further } = await databasesIn(folder, most, tools.signal);
  if (further > 0)
    observations.push(
      `${mount.name} has ${further} more files that are called like SQLite files: they were not opened`,
    );
  for (const path of databases) {
    const about = `${mount.name}: ${relative(folder, path)}`;
    try {
      const wrong = await opened(path, work, tools.signal);
      results.push({ kind: 'sqlite', about, ok: wrong === undefined, message: wrong ?? 'is whole' });
    } catch (error) {
      if (tools.signal.aborted) throw error;
      results.push({ kind: 'sqlite', about, ok: false, message: messageOf(error) });
    } finally {
      await removeTree(work);
    }
  }
  return results;
};
