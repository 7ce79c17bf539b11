import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { run, type ScratchServer, startServer } from './scratch-server.ts';

/** Ids of the orders found in one store. */
export type Ids = ReadonlySet<string>;

/** The role and database of the shop; the local socket of the example image trusts whoever is in the container. */
export interface PostgresNames {
  readonly image: string;
  readonly user: string;
  readonly database: string;
}

const data = '/var/lib/postgresql/data';
const lines = (text: string): readonly string[] => text.split('\n').filter(Boolean);

const postgresServer = (names: PostgresNames, mounts: Readonly<Record<string, string>>) =>
  startServer({
    image: names.image,
    mounts,
    env: {
      POSTGRES_USER: names.user,
      POSTGRES_DB: names.database,
      POSTGRES_PASSWORD: randomBytes(12).toString('hex'),
    },
    // Over TCP: the server that the entrypoint uses to make the database listens on no port.
    ready: { command: ['pg_isready', '-h', '127.0.0.1'], prints: /accepting connections/ },
  });

const ordersIn = async (server: ScratchServer, { user, database }: PostgresNames): Promise<Ids> =>
  new Set(lines(await server.exec('psql', '-U', user, '-d', database, '-tAc', 'SELECT id FROM orders')));

/** Starts PostgreSQL on a copy of its data folder. */
export const idsOfPostgres = async (folder: string, names: PostgresNames): Promise<Ids> => {
  await using server = await postgresServer(names, { [folder]: data });
  return await ordersIn(server, names);
};

/** Starts an empty PostgreSQL and loads a dump in the custom format; any error in it is one here. */
export const idsOfPostgresDump = async (dump: string, names: PostgresNames): Promise<Ids> => {
  await using server = await postgresServer(names, {});
  await run('docker', ['cp', dump, `${server.id}:/tmp/orders.dump`]);
  await server.exec(
    'pg_restore',
    '-U',
    names.user,
    '-d',
    names.database,
    '--exit-on-error',
    '/tmp/orders.dump',
  );
  return await ordersIn(server, names);
};

/** Starts Redis on a copy of its data folder. */
export const idsOfRedis = async (folder: string, image: string): Promise<Ids> => {
  await using server = await startServer({
    image,
    mounts: { [folder]: '/data' },
    ready: { command: ['redis-cli', 'ping'], prints: /^PONG/ },
  });
  const keys = lines(await server.exec('redis-cli', '--scan', '--pattern', 'order:*'));
  return new Set(keys.map((key) => key.slice('order:'.length)));
};

/** Opens a copy of the database, with the write-ahead log beside it. */
export const idsOfSqlite = (file: string): Ids => {
  const database = new DatabaseSync(file);
  try {
    const [check] = database.prepare('PRAGMA integrity_check').all();
    if (check?.integrity_check !== 'ok') throw new Error(`${file} is damaged: ${JSON.stringify(check)}`);
    return new Set(
      database
        .prepare('SELECT id FROM orders')
        .all()
        .map(({ id }) => String(id)),
    );
  } finally {
    database.close();
  }
};

/** An upload counts when it holds what its name promises; a torn one does not. */
export const idsOfUploads = async (folder: string): Promise<Ids> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  const read = await Promise.all(
    names.map(async (name) => {
      const id = name.slice(0, -'.json'.length);
      return (await readFile(join(folder, name), 'utf8')).startsWith(`{"id": "${id}"`) ? [id] : [];
    }),
  );
  return new Set(read.flat());
};
