import { copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultAt } from '../faults/boundaries/inject/boundaries.ts';
import { observe } from '../faults/boundaries/observe.ts';
import {
  composeText,
  holderImagesOf,
  lasting,
  lastRun,
  leftoversIn,
  newestManifest,
  unwired,
  writeConfig,
} from '../support/backups.ts';
import { coarseListing, contents } from '../support/compare.ts';
import { docker } from '../support/containers.ts';
import { type RemoteEngine, remoteEngine } from '../support/remote-engine.ts';
import { runTool, type ScratchStack, scratchStack, type ToolResult } from '../support/scratch.ts';
import { backupsOf } from '../support/trial.ts';

const services = {
  db: unwired({ restart: 'always', volumes: ['data:/data'] }),
  app: unwired({ volumes: ['data:/data', './bound:/bound'], depends_on: ['db'] }),
};
const hook = { kind: 'sqlite', service: 'db', path: '/data/folder/app.db', backup: true };

/** As on a machine that has nothing under the paths of the engine. */
const elsewhere = [
  ...['unshare', '--mount', 'sh', '-c'],
  ...['mount -t tmpfs tmpfs "$(docker info --format "{{.DockerRootDir}}")" && exec "$@"', 'sh'],
];

/** The engine here is this machine's, under an address that does not say so: no path of it counts as written here. */
describe('a restore into a volume that only the engine reaches', { timeout: 180_000 }, () => {
  let stack: ScratchStack;
  let engine: RemoteEngine;
  let backups: string;
  let data: string;
  let snapshot: string;
  let before: ReturnType<typeof lasting>;

  const tool = (...args: readonly string[]): Promise<ToolResult> =>
    runTool(args, { cwd: stack.folder, env: engine.env, through: elsewhere });
  const state = async () => [await coarseListing(data), await contents(data)];
  const rows = async (): Promise<readonly unknown[]> => {
    // Opening it would carry its log over: what is looked at is a copy.
    const copy = join(stack.folder, 'looked-at');
    await rm(copy, { recursive: true, force: true });
    await mkdir(copy);
    for (const name of await readdir(join(data, 'folder')))
      if (!name.endsWith('-shm')) await copyFile(join(data, 'folder', name), join(copy, name));
    using database = new DatabaseSync(join(copy, 'app.db'));
    return database
      .prepare('SELECT version FROM t')
      .all()
      .map(({ version }) => version);
  };
  /** Rows that stand in the log alone, as after a crash. */
  const crashed = async (version: string): Promise<void> => {
    const names = ['app.db', 'app.db-wal'];
    {
      using database = new DatabaseSync(join(data, 'folder/app.db'));
      database.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0');
      database.prepare('INSERT INTO t VALUES (?)').run(version);
      for (const name of names) await copyFile(join(data, 'folder', name), join(stack.folder, name));
    }
    for (const name of names) await copyFile(join(stack.folder, name), join(data, 'folder', name));
  };
  const expectAsBefore = async (): Promise<void> => {
    expect(lasting(await stack.ps())).toEqual(before);
    expect(await leftoversIn(backups)).toEqual([]);
    expect(await holderImagesOf((await lastRun(backups)).run)).toEqual([]);
  };

  beforeAll(async () => {
    engine = await remoteEngine();
    stack = await scratchStack(composeText(services, { volumes: { data: {} } }));
    backups = backupsOf(stack);
    await stack.up();
    data = await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', `${stack.project}_data`);
    await mkdir(join(data, 'folder'));
    await symlink('folder/app.db', join(data, 'link'));
    using database = new DatabaseSync(join(data, 'folder/app.db'));
    database.exec("CREATE TABLE t (version); INSERT INTO t VALUES ('old')");
    database.close();
    await writeConfig(stack.folder, { box: { project: stack.project, hooks: [hook] } });
    const ended = await runTool(['box'], { cwd: stack.folder });
    expect(ended.exitCode, ended.stderr).toBe(0);
    snapshot = (await newestManifest(backups)).snapshot;
    before = lasting(await stack.ps());
  });
  afterAll(async () => {
    await stack?.down();
    await engine?.[Symbol.asyncDispose]();
  });

  it('must remove what the snapshot does not have while the containers stay the same, and be undone', async () => {
    const old = await state();
    await rm(join(data, 'link'));
    await mkdir(join(data, 'link'));
    await writeFile(join(data, 'link/-later'), 'new');
    await crashed('new');
    const damaged = await state();
    const restored = await tool('restore', snapshot, '--service', 'db', '--yes');
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(await state()).toEqual(old);
    await expectAsBefore();
    expect(await docker('exec', await stack.container('app'), 'readlink', '/data/link')).toBe(
      'folder/app.db',
    );
    const undone = await tool('restore', '--undo', 'box', '--yes');
    expect(undone.exitCode, undone.stderr).toBe(0);
    expect(await state()).toEqual(damaged);
    await expectAsBefore();
  });

  it('must set all of it back when tool and guardian are killed when it is written', async () => {
    const damaged = await state();
    const kind = 'SIGKILL of tool and guardian, then `recover`';
    const fault = { kind, at: 'before naming backups/.stack-backup/runs/<run>.json starting' } as const;
    const command = ['restore', snapshot, '--service', 'db', '--yes', '--no-verify'];
    const { trace, ended } = await observe({ stack, names: {} }, command, fault, engine.env);
    expect(faultAt(trace), ended.stdout + ended.stderr).toBeDefined();
    expect(await rows()).toEqual(['old']);
    const recovered = await tool('recover');
    expect(recovered.exitCode, recovered.stderr).toBe(0);
    expect(await state()).toEqual(damaged);
    expect(await lastRun(backups)).toMatchObject({ restore: { data: 'rolled-back' }, down: [] });
    await expectAsBefore();
  });

  it('must load an SQLite dump over a database whose log nobody has carried over, and be undone', async () => {
    const damaged = await state();
    expect(await rows()).toEqual(['old', 'new']);
    const looked = await tool('restore', snapshot, '--from-dump', '--dry-run');
    expect(looked.exitCode, looked.stderr).toBe(0);
    expect(looked.stdout).toContain('t: 2 rows now, 1 in the dump');
    const restored = await tool('restore', snapshot, '--from-dump', '--yes');
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(await rows()).toEqual(['old']);
    expect(await readFile(join(data, 'link/-later'), 'utf8')).toBe('new');
    await expectAsBefore();
    const undone = await tool('restore', '--undo', 'box', '--yes');
    expect(undone.exitCode, undone.stderr).toBe(0);
    expect(await state()).toEqual(damaged);
    await expectAsBefore();
  });

  it('must refuse what cannot be done like this before anything is touched', async () => {
    const started = (await stack.ps()).map(({ id }) => id);
    const inspect = () => docker('inspect', '--format', '{{.State.StartedAt}}', ...started);
    const running = await inspect();
    const part = await tool('restore', snapshot, '--path', '/data/folder', '--yes');
    expect(part).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/in part.*without --path/) });
    const folder = await tool('restore', snapshot, '--service', 'app', '--yes');
    expect(folder).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/bound.*another one/) });
    expect(await inspect()).toBe(running);
  });
});
