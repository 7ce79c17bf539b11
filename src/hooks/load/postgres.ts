import { join } from 'node:path';
import { StackBackupError } from '../../base/errors.ts';
import { verifyArchive } from '../postgres/archive.ts';
import { load, unlessInterrupted } from './postgres/fill.ts';
import {
  allow,
  countRows,
  drop,
  endSessions,
  quoted,
  rename,
  serverFor,
  standingOf,
  unmarkStatement,
} from './postgres/server.ts';
import { sideBySide } from './rows.ts';
import type { LoadContext, LoadKind, LoadSource, PostgresLoadPlan } from './types.ts';

/** Longest name of a database in bytes (PostgreSQL manual, "Identifiers and Key Words"). */
const longestName = 63;

/** `name` cut to `bytes` of UTF-8, in no character's middle. */
const cut = (name: string, bytes: number): string => {
  let kept = '';
  for (const char of name) {
    if (Buffer.byteLength(kept + char) > bytes) break;
    kept += char;
  }
  return kept;
};

const planOf = (
  { container }: LoadContext,
  source: LoadSource,
  token: string,
  exists: boolean,
): PostgresLoadPlan => {
  const { dump, globals, folder } = source;
  const database = dump.database ?? '';
  const suffix = `_before_${token}`;
  return {
    kind: 'postgres',
    token,
    service: container.service,
    file: join(folder, dump.path),
    database,
    exists,
    tables: dump.tables,
    globals: globals === undefined ? undefined : join(folder, globals.path),
    fresh: `stack_backup_${token}`,
    kept: `${cut(database, longestName - suffix.length)}${suffix}`,
  };
};

const preview = async (context: LoadContext, source: LoadSource, token: string) => {
  const { dump, folder } = source;
  const database = dump.database ?? '';
  const server = await serverFor(context, database);
  await verifyArchive(context, server.access, join(folder, dump.path), `the dump of ${quoted(database)}`);
  const { exists } = await standingOf(server, planOf(context, source, token, false));
  // One that is too damaged to be counted is what a restore is for.
  const now = exists ? await countRows(server, database).catch(unlessInterrupted(context)) : undefined;
  return {
    plan: planOf(context, source, token, exists),
    bytes: dump.bytes,
    tables: sideBySide(now, dump.tables),
  };
};

const swap = async (context: LoadContext, plan: PostgresLoadPlan): Promise<void> => {
  const server = await serverFor(context, plan.database);
  const standing = await standingOf(server, plan);
  if (standing.isOurs) return;
  if (!standing.fresh)
    throw new StackBackupError(
      'hook-failed',
      `nothing is loaded to take the place of ${quoted(plan.database)}`,
      {
        next: 'Begin the restore again.',
      },
    );
  await endSessions(server, plan.fresh);
  if (standing.exists) {
    await server.ask([allow(plan.database, false)]);
    await endSessions(server, plan.database);
  }
  const renames = [
    ...(standing.exists ? [rename(plan.database, plan.kept)] : []),
    rename(plan.fresh, plan.database),
  ];
  await server.ask(renames, { together: true });
};

const settle = async (context: LoadContext, plan: PostgresLoadPlan): Promise<void> => {
  const server = await serverFor(context, plan.database);
  const standing = await standingOf(server, plan);
  if (!standing.isOurs) return;
  await drop(server, plan.kept, standing.kept);
  await server.ask([unmarkStatement(plan)]);
};

const undo = async (context: LoadContext, plan: PostgresLoadPlan): Promise<void> => {
  const server = await serverFor(context, plan.database);
  const standing = await standingOf(server, plan);
  if (standing.isOurs && plan.exists && !standing.kept)
    throw new StackBackupError('hook-failed', `the old database ${quoted(plan.kept)} is gone`, {
      next: `Database ${quoted(plan.database)} holds what was loaded; look at it, or restore it from another snapshot.`,
    });
  if (standing.isOurs) {
    await server.ask([allow(plan.database, false)]);
    await endSessions(server, plan.database);
    const back = standing.kept ? [rename(plan.kept, plan.database), allow(plan.database, true)] : [];
    await server.ask([rename(plan.database, plan.fresh), ...back], { together: true });
  } else if (standing.exists) await server.ask([allow(plan.database, true)]);
  await drop(server, plan.fresh, standing.fresh || standing.isOurs);
};

/** A dump of pg_dump, loaded by the server's own pg_restore under a fresh name, and swapped in by renaming. */
export const postgresLoad: LoadKind<PostgresLoadPlan> = {
  preview,
  load,
  swap,
  settle,
  undo,
  rows: async (context, database) => countRows(await serverFor(context, database), database),
  state: async (context, plan) => {
    const { isOurs, fresh } = await standingOf(await serverFor(context, plan.database), plan);
    if (isOurs) return 'swapped';
    return fresh ? 'loaded' : 'none';
  },
};
