/**
 * Re-checks, in a snapshot of the example stack, what its program promises: every order has its row in
 * PostgreSQL, its key in Redis, its row in SQLite and its upload. A torn snapshot shows as a difference.
 *
 *   node examples/core/invariant.ts backups/core-20261121-031500 [--from-dumps]
 *
 * The snapshot is only read: copies of its files are opened, by scratch containers without a network. Run as
 * a user who may read the snapshot and keep the owners of its files (root).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Manifest } from '../../src/snapshot/types.ts';
import { copyOf, readManifest } from './invariant/copies.ts';
import { run } from './invariant/scratch-server.ts';
import {
  type Ids,
  idsOfPostgres,
  idsOfPostgresDump,
  idsOfRedis,
  idsOfSqlite,
  idsOfUploads,
} from './invariant/stores.ts';

export type StoreName = 'postgres' | 'redis' | 'sqlite' | 'uploads';

export interface InvariantOptions {
  /**
   * `dumps`: PostgreSQL and SQLite come from their dumps. These are taken one after the other while orders
   * go on, so they hold the orders of their own moment.
   */
  readonly from?: 'files' | 'dumps';
  /** Default: `shop`, as in env/local/core.env. */
  readonly user?: string;
  readonly database?: string;
}

export interface Invariant {
  /** Orders that are in at least one store. */
  readonly orders: number;
  readonly stores: Readonly<Record<StoreName, number>>;
  /** Orders that other stores have and this one has not. */
  readonly missing: Readonly<Record<StoreName, readonly string[]>>;
}

const imageOf = (manifest: Manifest, service: string): string => {
  const found = manifest.containers.find((container) => container.service === service);
  if (found === undefined) throw new Error(`the snapshot knows no service ${service}`);
  return found.image;
};

const dumpOf = (snapshot: string, manifest: Manifest, kind: string, database: string): string => {
  const found = manifest.dumps.find((dump) => dump.kind === kind && dump.database === database);
  if (found === undefined) throw new Error(`the snapshot holds no ${kind} dump of ${database}`);
  return join(snapshot, found.path);
};

const places = {
  postgres: { service: 'db', destination: '/var/lib/postgresql/data', landmark: /^PG_VERSION$/ },
  redis: { service: 'cache', destination: '/data', landmark: /^appendonlydir$/ },
  sqlite: { service: 'app', destination: '/data', landmark: /^app\.db$/ },
  uploads: { service: 'app', destination: '/uploads', landmark: /\.json$/ },
} as const;

const readStores = async (
  snapshot: string,
  scratch: string,
  { from = 'files', user = 'shop', database = 'shop' }: InvariantOptions,
): Promise<Readonly<Record<StoreName, Ids>>> => {
  const manifest = await readManifest(snapshot);
  const copy = (name: StoreName): Promise<string> => copyOf(snapshot, manifest, scratch, places[name]);
  const names = { image: imageOf(manifest, 'db'), user, database };
  const sqlite = join(scratch, 'dump.sqlite');
  if (from === 'dumps') await run('cp', ['--', dumpOf(snapshot, manifest, 'sqlite', '/data/app.db'), sqlite]);
  return {
    postgres:
      from === 'dumps'
        ? await idsOfPostgresDump(dumpOf(snapshot, manifest, 'postgres', database), names)
        : await idsOfPostgres(await copy('postgres'), names),
    redis: await idsOfRedis(await copy('redis'), imageOf(manifest, 'cache')),
    sqlite: idsOfSqlite(from === 'dumps' ? sqlite : join(await copy('sqlite'), 'app.db')),
    uploads: await idsOfUploads(await copy('uploads')),
  };
};

const mapStores = <T>(stores: Readonly<Record<StoreName, Ids>>, map: (ids: Ids) => T) =>
  Object.fromEntries(Object.entries(stores).map(([name, ids]) => [name, map(ids)])) as Record<StoreName, T>;

/** Opens copies of everything the snapshot holds of the shop, and compares the orders in them. */
export const checkInvariant = async (
  snapshot: string,
  options: InvariantOptions = {},
): Promise<Invariant> => {
  const scratch = await mkdtemp(join(tmpdir(), 'stack-backup-invariant-'));
  try {
    const stores = await readStores(resolve(snapshot), scratch, options);
    const all = Object.values(stores).reduce<Ids>((sum, ids) => sum.union(ids), new Set());
    return {
      orders: all.size,
      stores: mapStores(stores, (ids) => ids.size),
      missing: mapStores(stores, (ids) => [...all.difference(ids)]),
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

/** Whether every order is in all four stores, and there are some. */
export const holds = ({ orders, missing }: Invariant): boolean =>
  orders > 0 && Object.values(missing).every((ids) => ids.length === 0);

/** One line a store. */
export const invariantTable = (invariant: Invariant): string =>
  [
    'store      orders  missing',
    ...Object.entries(invariant.stores).map(([name, count]) => {
      const ids = invariant.missing[name as StoreName];
      const some = ids.length === 0 ? '' : `  ${ids.slice(0, 3).join(' ')}${ids.length > 3 ? ' …' : ''}`;
      return `${name.padEnd(9)} ${String(count).padStart(7)} ${String(ids.length).padStart(8)}${some}`;
    }),
    holds(invariant)
      ? `every one of the ${invariant.orders} orders is in all four stores`
      : `of ${invariant.orders} orders, some are not in all four stores`,
  ].join('\n');

if (import.meta.main) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { 'from-dumps': { type: 'boolean', default: false } },
  });
  const [snapshot] = positionals;
  if (snapshot === undefined || positionals.length > 1) {
    process.stderr.write('usage: node examples/core/invariant.ts <snapshot folder> [--from-dumps]\n');
    process.exit(2);
  }
  const invariant = await checkInvariant(snapshot, { from: values['from-dumps'] ? 'dumps' : 'files' });
  process.stdout.write(`${invariantTable(invariant)}\n`);
  if (!holds(invariant)) process.exitCode = 1;
}
