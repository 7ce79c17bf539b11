import { StackBackupError } from '../../../base/errors.ts';
import { printable } from '../../output.ts';
import { type PostgresAccess, psql, separate } from '../../postgres/psql.ts';
import { identifier, literal } from '../../postgres/script.ts';
import { accessOf, postgresFailure } from '../../postgres/server.ts';
import type { CountedRows, LoadContext, PostgresLoadPlan } from '../types.ts';

/** `"name"`, safe to print. */
export const quoted = (database: string): string => `"${printable(database, 100)}"`;

/** A setting of the fresh database that moves with it when it is renamed, and says of which load it is. */
const marker = 'stack_backup.load';

/** The server, seen from a database that no load is about. */
export interface LoadServer {
  readonly access: PostgresAccess;
  /** Runs statements there; resolves with the fields of all rows. */
  ask(statements: readonly string[], options?: { readonly together?: boolean }): Promise<readonly string[]>;
  /** Runs a script there that may hold secrets. */
  run(script: string): Promise<void>;
  /** The same in any database. */
  askIn(database: string, statements: readonly string[], script?: string): Promise<readonly string[]>;
}

const requireRunning = ({ container }: LoadContext): void => {
  const { state } = container.details;
  if (state !== 'running')
    throw new StackBackupError('hook-failed', `service ${container.service} is ${state}, not running`, {
      next: `Start service ${container.service}: a dump is loaded by the server itself.`,
    });
};

/** Connects to a server for a load of `database`; throws `hook-failed` when it lets nobody in elsewhere. */
export const serverFor = async (context: LoadContext, database: string): Promise<LoadServer> => {
  requireRunning(context);
  const hook = context.hook?.kind === 'postgres' ? context.hook : undefined;
  const access = accessOf({ ...hook, databases: 'all' }, context.container);
  const askIn: LoadServer['askIn'] = async (where, statements, script) => {
    const ended = await psql(context, access, where, statements, {
      ...(script === undefined ? {} : { script }),
      keep: 64 * 1024 * 1024,
    });
    if (ended.exitCode !== 0) throw postgresFailure(access, 'PostgreSQL refused', 'psql', ended);
    return separate(ended.stdout.bytes());
  };
  let refused: StackBackupError | undefined;
  for (const entrance of access.entrances.filter((name) => name !== database)) {
    const ended = await psql(context, access, entrance, ['SELECT 1']);
    if (ended.exitCode === 0) {
      const ask: LoadServer['ask'] = async (statements, { together = false } = {}) => {
        const answer = await psql(context, access, entrance, statements, { together });
        if (answer.exitCode !== 0) throw postgresFailure(access, 'PostgreSQL refused', 'psql', answer);
        return separate(answer.stdout.bytes());
      };
      return { access, ask, askIn, run: async (script) => void (await askIn(entrance, [], script)) };
    }
    refused ??= postgresFailure(access, 'PostgreSQL does not answer', 'psql', ended);
  }
  throw (
    refused ??
    new StackBackupError('hook-failed', `there is no database but ${quoted(database)} to connect to`, {
      next: 'Create an empty database `postgres`, then try again.',
    })
  );
};

/** What the server has of a load. */
export interface Standing {
  /** The name is taken, by whatever. */
  readonly exists: boolean;
  /** What bears the name is what this load brought. */
  readonly isOurs: boolean;
  readonly fresh: boolean;
  readonly kept: boolean;
}

export const standingOf = async (server: LoadServer, plan: PostgresLoadPlan): Promise<Standing> => {
  const names = [plan.database, plan.fresh, plan.kept].map(literal).join(', ');
  const rows = await server.ask([
    `SELECT d.datname, coalesce(${literal(`${marker}=${plan.token}`)} = ANY (s.setconfig), false)::text
     FROM pg_catalog.pg_database d
     LEFT JOIN pg_catalog.pg_db_role_setting s ON s.setdatabase = d.oid AND s.setrole = 0
     WHERE d.datname IN (${names})`,
  ]);
  const found = new Map<string, boolean>();
  for (let at = 0; at + 1 < rows.length; at += 2) found.set(rows[at] ?? '', rows[at + 1] === 'true');
  return {
    exists: found.has(plan.database),
    isOurs: found.get(plan.database) === true,
    fresh: found.has(plan.fresh),
    kept: found.has(plan.kept),
  };
};

export const markStatement = ({ fresh, token }: PostgresLoadPlan): string =>
  `ALTER DATABASE ${identifier(fresh)} SET ${marker} = ${literal(token)}`;

export const unmarkStatement = ({ database }: PostgresLoadPlan): string =>
  `ALTER DATABASE ${identifier(database)} RESET ${marker}`;

export const allow = (database: string, connections: boolean): string =>
  `ALTER DATABASE ${identifier(database)} WITH ALLOW_CONNECTIONS ${connections}`;

export const rename = (from: string, to: string): string =>
  `ALTER DATABASE ${identifier(from)} RENAME TO ${identifier(to)}`;

/** How often the server is asked whether a session has ended, and for how long. */
const pollMs = 100;
const patienceMs = 30_000;

/** Ends every session of a database and sees them end. New ones must be kept out already. */
export const endSessions = async (server: LoadServer, database: string): Promise<void> => {
  const others = `FROM pg_catalog.pg_stat_activity WHERE datname = ${literal(database)} AND pid <> pg_backend_pid()`;
  for (const until = performance.now() + patienceMs; ; ) {
    const [left] = await server.ask([
      `SELECT count(*) FROM (SELECT pg_terminate_backend(pid) ${others}) AS told`,
    ]);
    if (left === '0') return;
    if (performance.now() > until)
      throw new StackBackupError(
        'hook-failed',
        `${left} sessions of database ${quoted(database)} do not end`,
        {
          next: 'Find out in `pg_stat_activity` who they are, end them, then try again.',
        },
      );
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
};

/** Drops a database with all who are in it; one that is not there is dropped already. */
export const drop = async (server: LoadServer, database: string, isThere: boolean): Promise<void> => {
  if (!isThere) return;
  await server.ask([`ALTER DATABASE ${identifier(database)} WITH ALLOW_CONNECTIONS false IS_TEMPLATE false`]);
  await endSessions(server, database);
  await server.ask([`DROP DATABASE IF EXISTS ${identifier(database)}`]);
};

const tablesQuery = `
  SELECT n.nspname, c.relname, EXISTS (SELECT FROM pg_catalog.pg_depend x
    WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')::text
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_'
  ORDER BY 1, 2`;

/** The rows of every table, at one moment. Of an extension's own tables a dump holds only what was added to them. */
export const countRows = async (server: LoadServer, database: string): Promise<readonly CountedRows[]> => {
  const names = await server.askIn(database, [tablesQuery]);
  const tables: { schema: string; table: string; extension: boolean }[] = [];
  for (let at = 0; at + 2 < names.length; at += 3)
    tables.push({ schema: names[at] ?? '', table: names[at + 1] ?? '', extension: names[at + 2] === 'true' });
  const counts = tables.map(
    ({ schema, table }) => `SELECT count(*) FROM ONLY ${identifier(schema)}.${identifier(table)};\n`,
  );
  const script = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n${counts.join('')}COMMIT;\n`;
  const rows = await server.askIn(database, [], script);
  return tables.map((one, at) => ({ ...one, rows: Number(rows[at]) }));
};
