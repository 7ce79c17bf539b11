import { StackBackupError } from '../../base/errors.ts';
import type { PostgresHook } from '../../config/types.ts';
import type { StackContainer } from '../../stack/types.ts';
import { type Ended, execute, processFailure } from '../container.ts';
import { secretsIn } from '../output.ts';
import type { HookContext } from '../types.ts';

/** How the programs in the container reach the server. Holds the password: never log, never write. */
export interface PostgresAccess {
  readonly container: StackContainer;
  readonly user: string;
  /** `KEY=value` for the process; the password is here and nowhere else. */
  readonly env: readonly string[];
  /** What has to be masked in anything that is shown. */
  readonly secrets: readonly string[];
  /** Databases to ask in, first choice first. */
  readonly entrances: readonly string[];
}

/** What the server says of itself. */
export interface PostgresServer {
  readonly version: string;
  readonly major: number;
  /** Every database that allows connections, templates left out, sorted. */
  readonly databases: readonly string[];
  /** The user may read the roles' passwords, which `pg_dumpall --globals-only` needs. */
  readonly readsRoles: boolean;
}

/**
 * One value of a libpq connection string: quoted, with `\` and `'` escaped
 * (PostgreSQL manual, "Keyword/Value Connection Strings"). A database may be called `dbname=x`.
 */
export const conninfo = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}='${value.replace(/[\\']/g, (char) => `\\${char}`)}'`)
    .join(' ');

/** User and password: from the hook, else what the container's own environment says, else `postgres`. */
export const accessOf = (hook: PostgresHook, container: StackContainer): PostgresAccess => {
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

/** Records are ended by NUL: a name may hold anything else. */
const separate = (output: Buffer): readonly string[] => {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(output);
  } catch (cause) {
    throw new StackBackupError('hook-failed', 'the server has a database whose name is not UTF-8', {
      cause,
      next: 'List the databases to dump under `databases:`.',
    });
  }
  return text.replace(/\0$/, '').split('\0');
};

const listing = 4 * 1024 * 1024;

const ask = async (
  context: HookContext,
  access: PostgresAccess,
  database: string,
  sql: string,
): Promise<Ended> =>
  execute(context, access.container, {
    command: [
      ...['psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--record-separator-zero'],
      ...['--no-password', '--set=ON_ERROR_STOP=1'],
      ...[`--dbname=${conninfo({ dbname: database, user: access.user })}`, `--command=${sql}`],
    ],
    // psql alone: the dump programs would convert the data to this encoding.
    env: [...access.env, 'PGCLIENTENCODING=UTF8'],
    keep: listing,
  });

const question = `
  SELECT current_setting('server_version')
  UNION ALL SELECT current_setting('server_version_num')
  UNION ALL SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT')::text
  UNION ALL (SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname)`;

/** Asks the server for its version and its databases; throws `hook-failed` when it does not answer. */
export const askServer = async (context: HookContext, access: PostgresAccess): Promise<PostgresServer> => {
  let refused: StackBackupError | undefined;
  for (const database of access.entrances) {
    const ended = await ask(context, access, database, question);
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
