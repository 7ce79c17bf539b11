import { createReadStream, type ReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { StackBackupError } from '../../../base/errors.ts';
import { execute } from '../../container.ts';
import { decodeScript } from '../../postgres/encoding.ts';
import { conninfo } from '../../postgres/psql.ts';
import { databaseStatements, roleStatements, rolesIn } from '../../postgres/script.ts';
import { postgresFailure } from '../../postgres/server.ts';
import { requireSameRows } from '../rows.ts';
import type { LoadContext, PostgresLoadPlan } from '../types.ts';
import { countRows, drop, type LoadServer, markStatement, quoted, serverFor, standingOf } from './server.ts';

/** For what may fail: undefined then, unless everything is to end. */
export const unlessInterrupted =
  ({ signal }: LoadContext) =>
  (error: unknown): undefined => {
    if (signal.aborted || !(error instanceof StackBackupError) || error.code !== 'hook-failed') throw error;
  };

/** Most text of a schema that is looked at. */
const longestScript = 64 * 1024 * 1024;

const scriptOf = async (
  context: LoadContext,
  { access }: LoadServer,
  plan: PostgresLoadPlan,
  command: readonly string[],
  stdin?: ReadStream,
) => {
  const ended = await execute(context, access.container, {
    command,
    env: access.env,
    keep: longestScript,
    ...(stdin === undefined ? {} : { stdin }),
  }).finally(() => stdin?.destroy());
  const what = `cannot tell how database ${quoted(plan.database)} was made`;
  if (ended.exitCode !== 0) throw postgresFailure(access, what, command[0] ?? '', ended);
  const { create, owner, rest } = databaseStatements(
    decodeScript(ended.stdout.bytes()),
    plan.database,
    plan.fresh,
  );
  if (create !== undefined) return { create, owner, rest };
  throw new StackBackupError('hook-failed', what, {
    next: 'Load the dump by hand: `createdb`, then `pg_restore`.',
  });
};

/** The statements that made the database: of the one that is there, else of the one in the dump. */
const propertiesOf = async (context: LoadContext, server: LoadServer, plan: PostgresLoadPlan) => {
  const ofDump = () =>
    scriptOf(
      context,
      server,
      plan,
      ['pg_restore', '--create', '--schema-only', '--file=-'],
      createReadStream(plan.file),
    );
  const dbname = conninfo({ dbname: plan.database, user: server.access.user });
  if (!plan.exists) return ofDump();
  // No schema: what stands outside of all is what the database itself is. A damaged one may not tell.
  const command = [
    'pg_dump',
    '--create',
    '--schema-only',
    '--exclude-schema=*',
    '--encoding=UTF8',
    '--no-password',
  ];
  return scriptOf(context, server, plan, [...command, `--dbname=${dbname}`])
    .catch(unlessInterrupted(context))
    .then((found) => found ?? ofDump());
};

/** Makes the roles that the dump's owners and rights name and that are not there. Those that are stay as they are. */
const makeRoles = async (server: LoadServer, plan: PostgresLoadPlan): Promise<void> => {
  if (plan.globals === undefined) return;
  const script = await readFile(plan.globals, 'utf8');
  const there = new Set(await server.ask(['SELECT rolname FROM pg_catalog.pg_roles']));
  const missing = new Set(rolesIn(script).filter((role) => !there.has(role)));
  if (missing.size === 0) return;
  const statements = [
    'BEGIN;',
    'SET standard_conforming_strings = on;',
    ...roleStatements(script, missing),
    'COMMIT;',
  ];
  await server.run(statements.join('\n'));
};

/** Not durable by itself, and faster for it: the swap is, and what comes before it in the log with it. */
const loadOptions = 'PGOPTIONS=-c synchronous_commit=off -c statement_timeout=0 -c lock_timeout=0';

const fill = async (context: LoadContext, { access }: LoadServer, plan: PostgresLoadPlan): Promise<void> => {
  const stdin = createReadStream(plan.file);
  const ended = await execute(context, access.container, {
    command: [
      ...['pg_restore', '--exit-on-error', '--no-password'],
      `--dbname=${conninfo({ dbname: plan.fresh, user: access.user })}`,
    ],
    env: [...access.env, loadOptions],
    stdin,
  }).finally(() => stdin.destroy());
  if (ended.exitCode !== 0)
    throw postgresFailure(
      access,
      `the dump of database ${quoted(plan.database)} cannot be loaded`,
      'pg_restore',
      ended,
      'What was there before is in place. Repair what the server names, or use another snapshot.',
    );
};

/** Makes the fresh database and loads the dump into it; counted against the manifest. Nobody else sees it. */
export const load = async (context: LoadContext, plan: PostgresLoadPlan): Promise<void> => {
  const server = await serverFor(context, plan.database);
  const standing = await standingOf(server, plan);
  if (standing.isOurs) return;
  await drop(server, plan.fresh, standing.fresh);
  await makeRoles(server, plan);
  const { create, owner, rest } = await propertiesOf(context, server, plan);
  await server.ask([create, markStatement(plan), ...owner]);
  await fill(context, server, plan);
  await server.askIn(plan.fresh, ['ANALYZE']);
  requireSameRows(`database ${quoted(plan.database)}`, await countRows(server, plan.fresh), plan.tables);
  // Again: a database that an earlier load brought has that one's mark among its settings.
  await server.ask([...rest, markStatement(plan)]);
};
