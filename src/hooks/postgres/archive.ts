import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { StackBackupError } from '../../base/errors.ts';
import type { TableRows } from '../../snapshot/types.ts';
import { type ExecContext, execute } from '../container.ts';
import type { PostgresAccess } from './psql.ts';
import { RowCounter } from './rows.ts';
import { postgresFailure } from './server.ts';
import { TocReader } from './toc.ts';

/**
 * A data block of a custom-format archive ends with the integer 0, a block of large objects with two of
 * them; an integer is a sign byte and four bytes (PostgreSQL source, pg_backup_custom.c).
 */
const endLength = { table: 5, blobs: 10 } as const;

const endsWithZeros = async (path: string, count: number): Promise<boolean> => {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const end = Buffer.alloc(count, 1);
    await file.read(end, 0, count, Math.max(0, size - count));
    return end.every((byte) => byte === 0);
  } finally {
    await file.close();
  }
};

/**
 * Proves that a file is a whole custom-format archive: `pg_restore --list` of the same container reads its
 * table of contents, and where that lists data the file ends where a data block ends (the list alone stands
 * at the beginning and would be read from half a file too).
 */
export const verifyArchive = async (
  context: ExecContext,
  access: PostgresAccess,
  path: string,
  what: string,
): Promise<void> => {
  const next = 'Run the backup again; if it stays, look at the file system of the backups folder.';
  const toc = new TocReader();
  const stdin = createReadStream(path);
  const ended = await execute(context, access.container, {
    command: ['pg_restore', '--list'],
    stdin,
    stdout: toc,
  }).finally(() => stdin.destroy());
  if (ended.exitCode !== 0)
    throw postgresFailure(access, `${what} cannot be read back`, 'pg_restore', ended, next);
  if (toc.entries < 1)
    throw new StackBackupError('hook-failed', `${what} has no table of contents`, { next });
  if (toc.lastData !== undefined && !(await endsWithZeros(path, endLength[toc.lastData])))
    throw new StackBackupError('hook-failed', `${what} is cut off`, { next });
};

/**
 * The rows of every table in an archive, counted in its data: which is read to its end, and so proved to be
 * readable. Takes about as long as the server takes to unpack it.
 */
export const countArchive = async (
  context: ExecContext,
  access: PostgresAccess,
  path: string,
  what: string,
): Promise<readonly TableRows[]> => {
  const next = 'Run the backup again; if it stays, look at the file system of the backups folder.';
  const rows = new RowCounter();
  const stdin = createReadStream(path, { highWaterMark: 256 * 1024 });
  const ended = await execute(context, access.container, {
    command: ['pg_restore', '--data-only', '--file=-'],
    stdin,
    stdout: rows,
  }).finally(() => stdin.destroy());
  if (ended.exitCode !== 0)
    throw postgresFailure(access, `the data of ${what} cannot be read back`, 'pg_restore', ended, next);
  if (rows.isCut) throw new StackBackupError('hook-failed', `${what} is cut off`, { next });
  return rows.tables;
};
