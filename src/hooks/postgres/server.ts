import { StackBackupError } from '../../base/errors.ts';
import type { PostgresHook } from '../../config/types.ts';
import type { StackContainer } from '../../stack/types.ts';
import { type Ended, type ExecContext, processFailure } from '../container.ts';
import { secretsIn } from '../output.ts';
import { type PostgresAccess, psql, separate } from './psql.ts';

/** What the server says of itself. */
export interface PostgresServer {
  readonly version: string;
  readonly major: number;
  /** Every database that allows connections, templates left out, sorted. */
  readonly databases: readonly string[];
  /** The user may read the roles' passwords, which `pg_dumpall --globals-only` needs. */
  readonly readsRoles: boolean;
}

/** User and password: from the hook, else what the container's own environment says, else `postgres`. */
export const accessOf = (
  hook: Pick<PostgresHook, 'databases' | 'user' | 'password'>,
  container: StackContainer,
): PostgresAccess => {
  const env = new Map(
    container.details.env.map((line) => [line.split('=', 1)[0], line.replace(/^[^=]*=/, '')]),
  );
  // A container with its own password file or variable for clients knows better than POSTGRES_PASSWORD.
  const ownWay = env.has('PGPASSWORD') || env.has('PGPASSFILE');
  const password = hook.password ?? (ownWay ? undefined : env.get('POSTGRES_PASSWORD'));
  const entrances =
    hook.databases === 'all' ? ['postgres', env.get('POSTGRES_DB'), 'template1'] : hook.databases;
  return {
    container,
    user: hook.user ?? (env.get('POSTGRES_USER') || 'postgres'),
    env: password ? [`PGPASSWORD=${password}`] : [],
    secrets: [...secretsIn(container.details.env), password ?? ''].filter((secret) => secret !== ''),
    entrances: [...new Set(entrances.filter((name) => name !== undefined && name !== ''))] as string[],
  };
};

const whatToDo = (access: PostgresAccess): string =>
  `Check \`user\` and \`password\` of the hook, and that \`psql -U ${access.user}\` works in service ${access.container.service}.`;

/** Error of a PostgreSQL program in the container. */
export const postgresFailure = (
  access: PostgresAccess,
  what: string,
  program: string,
  ended: Ended,
  next: string = whatToDo(access),
): StackBackupError =>
  processFailure(what, program, `in service ${access.container.service}`, ended, {
    secrets: access.secrets,
    next,
  });

const question = `
  SELECT current_setting('server_version')
  UNION ALL SELECT current_setting('server_version_num')
  UNION ALL SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT')::text
  UNION ALL (SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname)`;

/** Asks the server for its version and its databases; throws `hook-failed` when it does not answer. */
export const askServer = async (context: ExecContext, access: PostgresAccess): Promise<PostgresServer> => {
  let refused: StackBackupError | undefined;
  for (const database of access.entrances) {
    const ended = await psql(context, access, database, [question]);
    if (ended.exitCode === 0) {
      const [version = '', number = '0', readsRoles, ...databases] = separate(ended.stdout.bytes());
      const major = Math.floor(Number(number) / 10_000);
      return { version, major, databases, readsRoles: readsRoles === 'true' };
    }
    refused ??= postgresFailure(access, 'PostgreSQL does not answer', 'psql', ended);
    // 2: no connection, which may be for want of this one database; anything else would only come again.
    if (ended.exitCode !== 2) break;
  }
  throw refused ?? new StackBackupError('config-invalid', 'the hook names no database');
};
