import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkInvariant, holds } from '../../examples/core/invariant.ts';
import { docker } from '../support/containers.ts';
import { type ExampleStack, startExample } from '../support/example-stack.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);

/** What the manifest says of each mount, and which Compose volume it is (undefined: the uploads). */
const mounts = [
  { service: 'db', destination: '/var/lib/postgresql/data', volume: 'db' },
  { service: 'cache', destination: '/data', volume: 'cache' },
  { service: 'app', destination: '/data', volume: 'shop' },
  { service: 'app', destination: '/uploads', volume: undefined },
];

let shop: ExampleStack;
let snapshot: string;

const mountpoint = (volume: string): Promise<string> =>
  docker('volume', 'inspect', '--format', '{{.Mountpoint}}', `${shop.project}_${volume}`);

/** A snapshot by hand, of a stopped stack: `cp -a`, or one archive for the form `archive`. */
const snapshotByHand = async (form: 'tree' | 'archive'): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'stack-backup-by-hand-'));
  await mkdir(join(folder, 'volumes'));
  const recorded = [];
  for (const { service, destination, volume } of mounts) {
    const source = volume === undefined ? shop.uploads : await mountpoint(volume);
    const path = `volumes/${volume ?? 'uploads'}${form === 'tree' ? '' : '.tar.zst'}`;
    if (form === 'tree') await execute('cp', ['-a', source, join(folder, path)]);
    else await execute('tar', ['--zstd', '-cpf', join(folder, path), '-C', source, '.']);
    recorded.push({ path, form, users: [{ service, destination, writable: true }] });
  }
  const containers = [
    { service: 'db', image: 'stack-backup-example/db' },
    { service: 'cache', image: 'stack-backup-example/cache' },
  ];
  await mkdir(join(folder, 'dumps'));
  await cp(join(shop.folder, 'shop.dump'), join(folder, 'dumps/shop.dump'));
  const live = new DatabaseSync(join(await mountpoint('shop'), 'app.db'));
  live.exec(`VACUUM INTO '${join(folder, 'dumps/app.db')}'`);
  live.close();
  const dumps = [
    { kind: 'postgres', database: 'shop', path: 'dumps/shop.dump' },
    { kind: 'sqlite', database: '/data/app.db', path: 'dumps/app.db' },
  ];
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ containers, mounts: recorded, dumps }));
  return folder;
};

beforeAll(async () => {
  shop = await startExample();
  await shop.waitForOrders(20);
  // No more orders from here on; the database still runs, so that it can be dumped.
  await shop.compose('stop', 'proxy', 'worker', 'app');
  const dump = ['pg_dump', '-U', 'shop', '-d', 'shop', '-Fc', '-f', '/tmp/shop.dump'];
  await docker('exec', await shop.container('db'), ...dump);
  await docker('cp', `${await shop.container('db')}:/tmp/shop.dump`, join(shop.folder, 'shop.dump'));
  await shop.compose('stop');
  snapshot = await snapshotByHand('tree');
});

afterAll(async () => {
  await rm(snapshot, { recursive: true, force: true });
  await shop.down();
});

test('a stopped shop has every order in all four stores', async () => {
  const invariant = await checkInvariant(snapshot);
  expect(invariant.orders).toBeGreaterThanOrEqual(20);
  expect(invariant.missing).toEqual({ postgres: [], redis: [], sqlite: [], uploads: [] });
  expect(new Set(Object.values(invariant.stores))).toEqual(new Set([invariant.orders]));
  expect(holds(invariant)).toBe(true);
});

test('the same is read from archives', async () => {
  const archived = await snapshotByHand('archive');
  try {
    expect(await checkInvariant(archived)).toEqual(await checkInvariant(snapshot));
  } finally {
    await rm(archived, { recursive: true, force: true });
  }
});

test('the dumps of a shop that takes no orders hold the same', async () => {
  expect(await checkInvariant(snapshot, { from: 'dumps' })).toEqual(await checkInvariant(snapshot));
});

test('an order that one store lacks is named, and the check fails', async () => {
  const uploads = join(snapshot, 'volumes/uploads');
  const [gone = '', torn = ''] = await readdir(uploads);
  await rm(join(uploads, gone));
  await writeFile(join(uploads, torn), '');
  const invariant = await checkInvariant(snapshot);
  expect(invariant.missing).toEqual({
    postgres: [],
    redis: [],
    sqlite: [],
    uploads: expect.arrayContaining([gone, torn].map((name) => name.replace('.json', ''))),
  });
  expect(holds(invariant)).toBe(false);
  const check = execute(process.execPath, ['examples/core/invariant.ts', snapshot]);
  await expect(check).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining('uploads') });
});

test('nothing of the checking is left behind', async () => {
  const servers = (): Promise<string> => docker('ps', '-aq', '--filter', 'label=io.stack-backup.scratch=1');
  // Other files of tests check beside this one: their servers go, one that was left here stays.
  const seen = (await servers()).split('\n').filter(Boolean);
  await until('they are gone', async () => {
    const there = await servers();
    return seen.every((id) => !there.includes(id));
  });
});
