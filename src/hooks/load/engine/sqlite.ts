import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { messageOf, StackBackupError } from '../../../base/errors.ts';
import { printable } from '../../output.ts';
import { operate } from '../../sqlite/operate.ts';
import { mountFor } from '../../sqlite/place.ts';
import { requireSameRows, sideBySide } from '../rows.ts';
import type { LoadContext, LoadKind, LoadSource, SqliteEngineLoadPlan } from '../types.ts';
import { entryThrough, type FileToPut, fetchThrough, putThrough, unlessMissing } from './file.ts';

/** What SQLite keeps beside a database, of which it makes something: empty ones are as good as none. */
const companions = ['-wal', '-shm', '-journal'] as const;

const refuse = (message: string, next: string): StackBackupError =>
  new StackBackupError('hook-failed', message, { next });

/**
 * Each folder from the mount to the file: a link in the place of one could lead the engine out of the mount, to
 * where nothing is kept of what was there before.
 */
const requireFolders = async (
  { engine, container }: LoadContext,
  mount: string,
  path: string,
): Promise<void> => {
  const below = posix.relative(mount, posix.dirname(path)).split('/').filter(Boolean);
  for (const [at] of below.entries()) {
    const folder = posix.join(mount, ...below.slice(0, at + 1));
    const found = await unlessMissing(() => engine.statArchive(container.id, folder));
    if (found?.isFolder !== true)
      throw refuse(
        `"${printable(folder, 200)}" is not a folder of ${container.service}`,
        'Restore the files of its volume first, or make the folder. Links are not followed through the engine.',
      );
  }
};

const placeOf = async (context: LoadContext, asked: string): Promise<string> => {
  const { container } = context;
  const { path, mount } = mountFor(container.details.mounts, asked);
  if (!mount.writable)
    throw refuse(
      `"${printable(asked, 200)}" is mounted read-only in ${container.service}`,
      'Run stack-backup as root on the engine’s own host, or restore the volume itself instead of the dump.',
    );
  await requireFolders(context, mount.destination, path);
  return path;
};

/** A folder for scratch copies of databases, removed afterwards. */
const aside = async <T>(work: (folder: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'stack-backup-load-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** The rows of the tables of the database as it is now, of a scratch copy; undefined where it is not there. */
const rowsThrough = (context: LoadContext, path: string) =>
  aside(async (folder) => {
    const scratch = join(folder, 'database');
    if ((await fetchThrough(context, path, scratch)) === undefined) return undefined;
    for (const suffix of ['-wal', '-journal'])
      await fetchThrough(context, `${path}${suffix}`, `${scratch}${suffix}`);
    const request = { source: scratch, use: 'own', check: 'none', checkpoint: false, count: true } as const;
    return (await operate(path, context.signal, request)).tables ?? [];
  });

const preview = async (context: LoadContext, source: LoadSource, token: string) => {
  const { dump, folder } = source;
  const database = dump.database ?? '';
  const path = await placeOf(context, database);
  const old = await entryThrough(context, path);
  if (old !== undefined && old.type !== 'file')
    throw refuse(
      `"${printable(path, 200)}" is not a regular file`,
      'Give the path of the database file itself.',
    );
  const file = join(folder, dump.path);
  const look = { check: 'none', checkpoint: false, count: true, use: 'quiet' } as const;
  const inDump = await operate(dump.path, context.signal, { ...look, source: file });
  // One that is too damaged to be counted is what a restore is for; and somebody may be writing to it.
  const now = await rowsThrough(context, path).catch((error: unknown): undefined => {
    if (context.signal.aborted) throw error;
  });
  const plan: SqliteEngineLoadPlan = {
    ...{ kind: 'sqlite-engine', token, service: context.container.service, file, database },
    ...{ exists: old !== undefined, tables: dump.tables },
    kept: `${printable(database, 200)} in the safety snapshot`,
  };
  return { plan, bytes: dump.bytes, tables: sideBySide(now, plan.tables ?? inDump.tables) };
};

/** The dump as it will be there: nothing is written yet, for what is written through the engine is in its place. */
const load = async ({ signal }: LoadContext, plan: SqliteEngineLoadPlan): Promise<void> => {
  const request = { source: plan.file, check: 'full', checkpoint: false, use: 'quiet', count: true } as const;
  const { tables } = await operate(plan.database, signal, request);
  requireSameRows(`the SQLite database ${plan.database}`, tables ?? [], plan.tables);
};

/** The owner and mode of the old file; without one those of the folder, whose owner is the one who writes there. */
const likeOld = async (context: LoadContext, path: string): Promise<FileToPut['like']> => {
  const old = await entryThrough(context, path);
  if (old !== undefined) return old;
  const folder = await entryThrough(context, `${posix.dirname(path)}/`);
  return { uid: folder?.uid ?? 0, gid: folder?.gid ?? 0, mode: (folder?.mode ?? 0o600) & 0o666 };
};

const swap = async (context: LoadContext, plan: SqliteEngineLoadPlan): Promise<void> => {
  const path = await placeOf(context, plan.database);
  const like = await likeOld(context, path);
  const name = posix.basename(path);
  const beside: FileToPut[] = [];
  for (const suffix of companions) {
    const found = await entryThrough(context, `${path}${suffix}`);
    if (found !== undefined) beside.push({ name: `${name}${suffix}`, like: found });
  }
  const content = { file: plan.file, size: (await stat(plan.file)).size };
  try {
    const sent = await putThrough(context, path, [...beside, { name, like, content }]);
    const found = await fetchThrough(context, path);
    if (found !== sent) throw new Error('it is not there as it was sent');
  } catch (cause) {
    throw new StackBackupError('hook-failed', `cannot load ${plan.database}: ${messageOf(cause)}`, {
      cause,
      next: 'Look at the engine’s log, and at the free space on its disk.',
    });
  }
};

/**
 * A dump of an SQLite file that only the engine reaches: the file is overwritten, the log and journal beside it are
 * emptied, and all of it is read again. The engine renames nothing, so what was there before is not kept beside it:
 * whoever loads like this has a copy of the volume, and puts that back when it fails. Nobody may have it open.
 */
export const sqliteEngineLoad: LoadKind<SqliteEngineLoadPlan> = {
  preview,
  load,
  swap,
  settle: async () => undefined,
  undo: async () => undefined,
  rows: async (context, database) => (await rowsThrough(context, await placeOf(context, database))) ?? [],
  state: async () => 'none',
};
