import { createReadStream } from 'node:fs';
import { StackBackupError } from '../base/errors.ts';
import type { PostgresHook } from '../config/types.ts';
import type { ManifestDump } from '../snapshot/types.ts';
import { execute, requireRunning } from './container.ts';
import { fileNameOf, PartialDump } from './dump.ts';
import { OutputTail, printable } from './output.ts';
import { countArchive, verifyArchive } from './postgres/archive.ts';
import { conninfo, type PostgresAccess } from './postgres/psql.ts';
import { accessOf, askServer, type PostgresServer, postgresFailure } from './postgres/server.ts';
import type { HookContext, HookKind } from './types.ts';

/** `"name"`, safe to print. */
const quoted = (database: string): string => `"${printable(database, 100)}"`;

/** The databases to dump; throws when one that was asked for does not exist. */
const chosen = (hook: PostgresHook, server: PostgresServer): readonly string[] => {
  if (hook.databases === 'all') return server.databases;
  const missing = hook.databases.filter((name) => !server.databases.includes(name));
  if (missing.length === 0) return [...new Set(hook.databases)];
  throw new StackBackupError(
    'hook-failed',
    `there is no database ${missing.map(quoted).join(', ')} that allows connections`,
    { next: `Name one of: ${server.databases.map(quoted).join(', ')}; or \`databases: all\`.` },
  );
};

/** `pg_dump (PostgreSQL) 15.14 (Debian …)` → `15.14`. */
const dumperVersion = async (context: HookContext, access: PostgresAccess): Promise<string> => {
  const ended = await execute(context, access.container, { command: ['pg_dump', '--version'] });
  if (ended.exitCode !== 0) throw postgresFailure(access, 'cannot dump', 'pg_dump', ended);
  return /\d+(\.\d+)*/.exec(ended.stdout.bytes().toString('utf8'))?.[0] ?? '';
};

const check = async (hook: PostgresHook, context: HookContext): Promise<void> => {
  const access = accessOf(hook, requireRunning(hook, context));
  const dumper = await dumperVersion(context, access);
  const server = await askServer(context, access);
  chosen(hook, server);
  // pg_dump refuses newer servers than itself (PostgreSQL manual, pg_dump, "Notes").
  if (Number.parseInt(dumper, 10) < server.major)
    throw new StackBackupError('hook-failed', `pg_dump ${dumper} cannot dump a server ${server.version}`, {
      next: `Put the client programs of PostgreSQL ${server.major} into the image of service ${hook.service}.`,
    });
  if (hook.globals && !server.readsRoles)
    throw new StackBackupError(
      'hook-failed',
      `user ${printable(access.user, 100)} may not read the roles, which a dump of the globals needs`,
      { next: 'Give the hook a superuser as `user:`, or set `globals: false`.' },
    );
};

/** A dump that is written and proved but has no final name yet, and what the manifest is to say of it. */
interface Proved {
  readonly dump: PartialDump;
  readonly about: Pick<ManifestDump, 'format' | 'database' | 'tables'>;
}

const dumpDatabase = async (
  context: HookContext,
  access: PostgresAccess,
  dump: PartialDump,
  database: string,
): Promise<Proved> => {
  const what = `the dump of database ${quoted(database)}`;
  const ended = await dump.write((stdout, broken) =>
    execute(context, access.container, {
      command: [
        ...['pg_dump', '--format=custom', '--no-password'],
        `--dbname=${conninfo({ dbname: database, user: access.user })}`,
      ],
      env: access.env,
      stdout,
      signal: AbortSignal.any([context.signal, broken]),
    }),
  );
  if (ended.exitCode !== 0) throw postgresFailure(access, `${what} failed`, 'pg_dump', ended);
  await verifyArchive(context, access, dump.partial, what);
  const tables = await countArchive(context, access, dump.partial, what);
  return { dump, about: { format: 'pg_dump custom', database, tables } };
};

const completed = '-- PostgreSQL database cluster dump complete';

const dumpGlobals = async (
  context: HookContext,
  access: PostgresAccess,
  dump: PartialDump,
): Promise<Proved> => {
  const ended = await dump.write((stdout, broken) =>
    execute(context, access.container, {
      command: [
        ...['pg_dumpall', '--globals-only', '--no-password'],
        `--dbname=${conninfo({ user: access.user })}`,
      ],
      env: access.env,
      stdout,
      signal: AbortSignal.any([context.signal, broken]),
    }),
  );
  if (ended.exitCode !== 0)
    throw postgresFailure(access, 'the dump of the globals failed', 'pg_dumpall', ended);
  const tail = new OutputTail(1024);
  for await (const chunk of createReadStream(dump.partial)) tail.write(chunk);
  if (!tail.bytes().toString('utf8').includes(completed))
    throw new StackBackupError('hook-failed', 'the dump of the globals is cut off', {
      next: 'Run the backup again; if it stays, look into the logs of the database.',
    });
  return { dump, about: { format: 'pg_dumpall globals' } };
};

const summaryOf = (hook: PostgresHook, server: PostgresServer, dumps: readonly ManifestDump[]): string => {
  const databases = dumps.filter((dump) => dump.database !== undefined).length;
  const bytes = dumps.reduce((sum, dump) => sum + dump.bytes, 0);
  return (
    `PostgreSQL ${server.version}: ${databases} ${databases === 1 ? 'database' : 'databases'}` +
    `${hook.globals ? ' and globals' : ''} dumped, ${bytes} bytes`
  );
};

/** All dumps of the server, or none: they get their names when the last one is proved. */
const run = async (hook: PostgresHook, context: HookContext) => {
  const access = accessOf(hook, requireRunning(hook, context));
  const server = await askServer(context, access);
  await using opened = new AsyncDisposableStack();
  const open = async (name: string): Promise<PartialDump> =>
    opened.use(await PartialDump.open(context.folder, fileNameOf(hook.service), name));

  const proved: Proved[] = [];
  for (const database of chosen(hook, server)) {
    const dump = await open(`${fileNameOf(database)}.dump`);
    proved.push(await dumpDatabase(context, access, dump, database));
  }
  if (hook.globals) proved.push(await dumpGlobals(context, access, await open('globals.sql')));

  const common = { hook: hook.name, kind: 'postgres', service: hook.service, version: server.version };
  const dumps: ManifestDump[] = [];
  for (const { dump, about } of proved) dumps.push({ ...common, ...(await dump.keep()), ...about });
  return { summary: summaryOf(hook, server, dumps), dumps, warnings: [] };
};

/** Logical dumps of a PostgreSQL server with its own programs, in its own container. */
export const postgres: HookKind<PostgresHook> = { kind: 'postgres', check, run };
