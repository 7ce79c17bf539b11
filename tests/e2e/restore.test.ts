import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkInvariant, holds } from '../../examples/core/invariant.ts';
import type { Manifest } from '../../src/snapshot/types.ts';
import { lasting, lastRun, leftoversIn, manifestOf, snapshotsIn } from '../support/backups.ts';
import { coarseListing, contents } from '../support/compare.ts';
import { docker } from '../support/containers.ts';
import { flip } from '../support/damages.ts';
import { type ExampleStack, startExample } from '../support/example-stack.ts';
import { type ContainerState, runTool, type ToolResult } from '../support/scratch.ts';

const mountpoint = (volume: string): Promise<string> =>
  docker('volume', 'inspect', '--format', '{{.Mountpoint}}', volume);

const pinnedDays = ({ pinnedUntil = '', started }: Manifest): number =>
  (Date.parse(pinnedUntil) - Date.parse(started)) / 86_400_000;

/** Without the count of links: unchanged files of a snapshot have more of them, in later ones. */
const entries = async (root: string): Promise<readonly string[]> =>
  (await coarseListing(root)).map((line) => line.replace(/^(f(?: \S+){5}) \d+ /, '$1 ')).sort();

/** One stack for all of it: each scenario leaves it healthy, and taking orders. */
describe('a restore of the example stack, which goes on taking orders', () => {
  let shop: ExampleStack;
  let before: readonly ContainerState[];
  let snapshot: string;
  let name: string;
  /** Orders that the snapshot holds for certain. */
  let kept: number;

  const tool = (...args: readonly string[]): Promise<ToolResult> => runTool(args, { cwd: shop.folder });
  /** Restored, and nothing to warn of but what a busy machine brings about. */
  const restored = async (...args: readonly string[]): Promise<void> => {
    const { exitCode, stderr } = await tool('restore', ...args, '--yes');
    expect([0, 3], stderr).toContain(exitCode);
    const { restore, warnings } = await lastRun(shop.backups);
    expect(restore?.data).toBe('restored');
    const bad = warnings.filter(({ code, notice }) => notice !== true && code !== 'killed-after-grace');
    expect(bad).toEqual([]);
    expect(await leftoversIn(shop.backups)).toEqual([]);
  };
  const sql = async (database: string, statement: string): Promise<string> =>
    docker('exec', await shop.container('db'), 'psql', '-qAt', '-U', 'shop', '-d', database, '-c', statement);

  beforeAll(async () => {
    shop = await startExample();
    kept = await shop.orders();
    const ended = await tool('shop', '--tag', 'sha=1f3a9c');
    expect(ended.exitCode, ended.stderr).toBe(0);
    snapshot = (await snapshotsIn(shop.backups))[0] ?? 'none';
    name = snapshot.split('/').at(-1) ?? '';
    before = await shop.ps();
  });
  afterAll(() => shop?.down());

  it('must refuse where nobody can be asked, and touch nothing', async () => {
    const asked = await tool('restore', name);
    expect(asked).toMatchObject({ exitCode: 2 });
    expect(asked.stderr).toMatch(/--yes/);
    const dry = await tool('restore', 'shop', '--volume', 'db', '--dry-run', '--verbose');
    expect({ exitCode: dry.exitCode, stderr: dry.stderr }).toMatchObject({ exitCode: 0 });
    // What only a server that runs has.
    expect(dry.stdout).toMatch(/^ {2}- .*_db\/postmaster\.pid/m);
    expect(await shop.ps()).toEqual(before);
    expect(await snapshotsIn(shop.backups)).toEqual([snapshot]);
  });

  it('must read the snapshot first, and refuse one that is not whole, unless told not to', async () => {
    const { dumps } = await manifestOf(snapshot);
    const dump = join(snapshot, dumps[0]?.path ?? 'none');
    await flip(dump, 9);
    const refused = await tool('restore', name, '--yes');
    expect(refused).toMatchObject({ exitCode: 6 });
    expect(refused.stderr).toContain(`is not whole: checksum: ${dumps[0]?.path}: its content changed`);
    const dry = await tool('restore', name, '--no-verify', '--dry-run');
    expect(dry).toMatchObject({ exitCode: 0 });
    expect(dry.stdout).toContain('the snapshot was NOT read before (--no-verify)');
    await flip(dump, 9);
    expect(await shop.ps()).toEqual(before);
    expect(await snapshotsIn(shop.backups)).toEqual([snapshot]);
  });

  it('must put back rows, a dropped database and a file full of zeros, and start what ran', async () => {
    // One that the snapshot has: orders go on, and what came since is gone afterwards.
    const { mounts } = await manifestOf(snapshot);
    const copied = mounts.find(({ source }) => source === shop.uploads)?.path ?? 'none';
    const upload = (await readdir(join(snapshot, copied))).sort()[0] ?? 'none';
    const text = await readFile(join(shop.uploads, upload));
    await writeFile(join(shop.uploads, upload), Buffer.alloc(text.length));
    const stock = join(await mountpoint(`${shop.project}_shop`), 'app.db');
    await writeFile(stock, Buffer.alloc(8192));
    await docker('exec', await shop.container('cache'), 'redis-cli', 'FLUSHALL');
    await sql('postgres', 'DROP DATABASE shop WITH (FORCE)');

    await restored('shop@sha=1f3a9c');
    expect(lasting(await shop.ps())).toEqual(lasting(before));
    expect(await readFile(join(shop.uploads, upload))).toEqual(text);
    expect(await shop.orders()).toBeGreaterThanOrEqual(kept);
    const record = await lastRun(shop.backups);
    expect(record).toMatchObject({ kind: 'restore', restore: { from: name, data: 'restored' } });
    expect(record.downtimeMs).toBeGreaterThan(0);
    const safety = await manifestOf(record.path);
    expect(safety).toMatchObject({ type: 'pre-restore', mounts: { length: 6 } });
    expect(pinnedDays(safety)).toBe(7);
  });

  it('must be undone by one command', async () => {
    const orders = await shop.waitForOrders(kept + 20);
    await sql('shop', 'CREATE TABLE after_the_snapshot (a int)');
    await restored(name, '--volume', 'db');
    const tables = `SELECT count(*) FROM pg_tables WHERE tablename = 'after_the_snapshot'`;
    expect(await sql('shop', tables)).toBe('0');
    await restored('--undo', 'shop');
    expect(await sql('shop', tables)).toBe('1');
    expect(await shop.orders()).toBeGreaterThanOrEqual(orders);
    expect(lasting(await shop.ps())).toEqual(lasting(before));
  });

  it('must make volumes again that are gone, through the engine, so that Compose takes them', async () => {
    await shop.compose('down', '-v');
    await docker('volume', 'rm', shop.archiveVolume);
    const config = await readFile(shop.config, 'utf8');
    await writeFile(shop.config, config.replace('    hooks:', '    copy: api\n    hooks:'));
    const ended = await tool('restore', name, '--yes');
    await writeFile(shop.config, config);
    // The volume that nobody named could not be put back.
    expect({ exitCode: ended.exitCode, stderr: ended.stderr }).toMatchObject({ exitCode: 3 });
    const { mounts } = await manifestOf(snapshot);
    for (const mount of mounts.filter(({ kind, anonymous }) => kind === 'volume' && !anonymous)) {
      const path = await mountpoint(mount.name);
      const copy = join(snapshot, mount.path);
      expect(await entries(path)).toEqual(await entries(copy));
      expect(await contents(path)).toEqual(await contents(copy));
    }
    await shop.compose('up', '-d', '--pull', 'never', '--no-build', '--wait', '--wait-timeout', '120');
    expect(await shop.orders()).toBeGreaterThanOrEqual(kept);
  });

  it('must leave all four stores agreeing on the orders', async () => {
    const ended = await tool('shop');
    expect(ended.exitCode, ended.stderr).toBe(0);
    const found = await checkInvariant((await snapshotsIn(shop.backups)).at(-1) ?? 'none');
    expect(found.orders).toBeGreaterThanOrEqual(kept);
    expect(holds(found), JSON.stringify(found.missing)).toBe(true);
  });
});
