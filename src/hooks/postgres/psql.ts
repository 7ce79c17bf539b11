import { Readable } from 'node:stream';
import { StackBackupError } from '../../base/errors.ts';
import type { StackContainer } from '../../stack/types.ts';
import { type Ended, type ExecContext, execute } from '../container.ts';

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

/**
 * One value of a libpq connection string: quoted, with `\` and `'` escaped
 * (PostgreSQL manual, "Keyword/Value Connection Strings"). A database may be called `dbname=x`.
 */
export const conninfo = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}='${value.replace(/[\\']/g, (char) => `\\${char}`)}'`)
    .join(' ');

/** Records and fields are ended by NUL: a name may hold anything else. */
export const separate = (output: Buffer): readonly string[] => {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(output);
  } catch (cause) {
    throw new StackBackupError('hook-failed', 'the server has a name that is not UTF-8', {
      cause,
      next: 'List the databases to dump under `databases:`.',
    });
  }
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
};

const listing = 4 * 1024 * 1024;

export interface PsqlOptions {
  /** All statements in one transaction. */
  readonly together?: boolean;
  /** A script on standard input instead: what is long, or holds secrets. */
  readonly script?: string;
  /** Bytes of output that are kept, the last ones; default 4 MiB. */
  readonly keep?: number;
  /** Fields with `|` between them, a record a line. */
  readonly forPeople?: boolean;
  /** More `KEY=value` for the process. */
  readonly env?: readonly string[];
}

/** Runs statements, each a transaction of its own, and stops at the first that fails. Exit code 2: no connection. */
export const psql = async (
  context: ExecContext,
  access: PostgresAccess,
  database: string,
  statements: readonly string[],
  { together, script, keep = listing, forPeople, env = [] }: PsqlOptions = {},
): Promise<Ended> =>
  execute(context, access.container, {
    command: [
      ...['psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align'],
      ...['--no-password', '--set=ON_ERROR_STOP=1'],
      ...(forPeople === true ? [] : ['--record-separator-zero', '--field-separator-zero']),
      ...(together === true ? ['--single-transaction'] : []),
      `--dbname=${conninfo({ dbname: database, user: access.user })}`,
      ...statements.map((statement) => `--command=${statement}`),
      // Terse: a message about a statement must not quote it.
      ...(script === undefined ? [] : ['--set=VERBOSITY=terse', '--file=-']),
    ],
    // psql alone: the dump programs would convert the data to this encoding.
    env: [...access.env, 'PGCLIENTENCODING=UTF8', ...env],
    keep,
    ...(script === undefined ? {} : { stdin: Readable.from([Buffer.from(script)]) }),
  });
