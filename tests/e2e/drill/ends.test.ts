import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from '../../../src/base/process.ts';
import { readManifest, writeManifest } from '../../../src/snapshot/manifest.ts';
import { composeText, idle, snapshotsIn, writeConfig } from '../../support/backups.ts';
import { docker } from '../../support/containers.ts';
import { clean, type DrillJson, drillsIn, leftBy, sandboxOf } from '../../support/drill/sandboxes.ts';
import { rewriteSums } from '../../support/made-snapshot.ts';
import { runTool, type ScratchStack, scratchStack, spawnTool } from '../../support/scratch.ts';

/** Healthy in the original. In a drill, which sets MODE, it never is: a drill of it waits for as long as it may. */
const services = {
  it: idle({
    environment: { MODE: 'live', API_TOKEN: 'the-original-token' },
    healthcheck: { test: ['CMD-SHELL', '[ "$$MODE" = live ]'], interval: '500ms', retries: 3 },
    // Two containers, of which a sandbox has one: there is a copy of a volume that no service gets.
    scale: 2,
    volumes: ['data:/data', '/scratch', './one.conf:/one.conf'],
  }),
};
const never = { environment: { it: { MODE: 'drill' } } };

/** As somebody does who takes a snapshot elsewhere, with all its times and owners. */
const carry = async (snapshot: string, to: string): Promise<void> => {
  await mkdir(dirname(to), { recursive: true });
  const copy = await run(['cp', '-a', '--', snapshot, to]);
  if (copy.exitCode !== 0) throw new Error(copy.stderr);
};

// A second stack comes and goes in each: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });
const patience = { killAfterMs: 380_000 };

describe('a drill that does not come to a good end', () => {
  let stack: ScratchStack;
  let backups: string;
  const configure = (drill: object, more: object = {}) =>
    writeConfig(stack.folder, {
      it: { project: stack.project, compose_files: ['compose.yaml'], drill, ...more },
    });
  const tool = (...args: readonly string[]) => runTool(args, { cwd: stack.folder, ...patience });

  beforeAll(async () => {
    stack = await scratchStack(composeText(services, { volumes: { data: {} } }), {
      files: { 'one.conf': 'a single file' },
    });
    backups = join(stack.folder, 'backups');
    await stack.up('--wait');
    await docker('exec', await stack.container('it'), 'sh', '-c', 'echo precious >/data/file');
    // What came through the engine is drilled as well: archives, of a single file, too.
    await configure(never, { copy: 'api' });
    const ended = await tool('it');
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0 });
  });
  afterAll(() => stack?.down());

  it('must say which service did not get healthy, and leave nothing behind', async () => {
    await configure({ ...never, health: '2s' });
    const ended = await tool('drill', 'it', '--json');
    const said = JSON.parse(ended.stdout) as DrillJson;
    expect(ended.exitCode).toBe(6);
    expect(said).toMatchObject({ outcome: 'failed', checks: { failed: 1 } });
    expect(said.failures).toMatchObject([{ kind: 'health', about: 'it' }]);
    expect(said.failures[0]?.message).toMatch(/it was healthy before/);
    expect(await leftBy(said.run, backups)).toEqual(clean);
    expect((await drillsIn(backups)).at(-1)).toMatchObject({ run: said.run, outcome: 'failed' });
  });

  it('must remove everything after Ctrl-C', async () => {
    await configure(never);
    await using drill = spawnTool(['drill', 'it'], { cwd: stack.folder, ...patience });
    await drill.line(/starting the services/);
    drill.kill('SIGINT');
    const ended = await drill.ended;
    expect(ended, ended.stderr).toMatchObject({ exitCode: 130 });
    const last = (await drillsIn(backups)).at(-1);
    expect(last).toMatchObject({ outcome: 'interrupted', error: { code: 'interrupted' } });
    expect(await leftBy(last?.run ?? '', backups)).toEqual(clean);
  });

  it('must be cleaned up behind when it was killed, by recover', async () => {
    await configure(never);
    await using drill = spawnTool(['drill', 'it'], { cwd: stack.folder, ...patience });
    await drill.line(/starting the services/);
    drill.kill('SIGKILL');
    await drill.ended;
    const [journal] = (await leftBy('', backups)).files.filter((name) => name.endsWith('.json'));
    const id = basename(journal ?? '', '.json');
    expect((await sandboxOf(id)).volumes).not.toEqual([]);
    const before = (await stack.ps()).map(({ id, startedAt }) => ({ id, startedAt }));
    const recovered = await tool('recover');
    expect(recovered, recovered.stderr).toMatchObject({ exitCode: 0 });
    expect(await leftBy(id, backups)).toEqual(clean);
    expect((await drillsIn(backups)).at(-1)).toMatchObject({
      run: id,
      outcome: 'failed',
      error: { code: 'died' },
    });
    expect((await stack.ps()).map(({ id, startedAt }) => ({ id, startedAt }))).toEqual(before);
  });

  it('must name an image that is not here', async () => {
    const [snapshot = ''] = await snapshotsIn(backups);
    const elsewhere = join(stack.folder, 'other', basename(snapshot));
    await carry(snapshot, elsewhere);
    const manifest = await readManifest(elsewhere);
    const imageId = `sha256:${'0'.repeat(64)}`;
    const containers = manifest.containers.map((container) => ({ ...container, imageId }));
    await writeManifest(elsewhere, { ...manifest, containers });
    const ended = await tool('drill', 'it', '--backups', join(stack.folder, 'other'));
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toMatch(/image of service it is not on this engine.*debian:bookworm-slim/);
  });

  it('must fail for a snapshot that a restore would refuse, before anything is started', async () => {
    const [snapshot = ''] = await snapshotsIn(backups);
    const damaged = join(stack.folder, 'damaged', basename(snapshot));
    await carry(snapshot, damaged);
    await appendFile(join(damaged, 'compose/01-compose.yaml'), '\n');
    const ended = await tool('drill', damaged, '--json');
    expect(ended.exitCode, ended.stderr).toBe(6);
    const { error, run: id } = JSON.parse(ended.stdout) as DrillJson;
    expect(error).toMatchObject({ code: 'verify-failed' });
    expect((await drillsIn(backups)).at(-1)).toMatchObject({ run: id, elsewhere: true });
    expect(error?.message).toMatch(/compose\/01-compose\.yaml: its content changed/);
    expect(await leftBy(id, backups)).toEqual(clean);
  });

  it('must give a snapshot from elsewhere nothing of this machine, whatever its model asks for', async () => {
    const [snapshot = ''] = await snapshotsIn(backups);
    const elsewhere = join(stack.folder, 'carried', basename(snapshot));
    await carry(snapshot, elsewhere);
    const path = join(elsewhere, 'compose/model.json');
    const model = JSON.parse(await readFile(path, 'utf8')) as { services: { it: object } };
    Object.assign(model.services.it, {
      privileged: true,
      pid: 'host',
      cap_add: ['ALL'],
      ports: [{ target: 80, published: '0' }],
      volumes: [{ type: 'bind', source: '/etc', target: '/host', read_only: true }],
      environment: { MODE: 'live', HOST_PATH: `$${'{PATH}'}` },
    });
    await writeFile(path, JSON.stringify(model));
    const sums = await readFile(join(elsewhere, 'SHA256SUMS'), 'utf8');
    const sha256 = createHash('sha256').update(JSON.stringify(model)).digest('hex');
    const line = /^[0-9a-f]{64}(?= {2}compose\/model\.json$)/m;
    await rewriteSums(elsewhere, Buffer.from(sums.replace(line, sha256)));
    await configure({ secrets: 'all' });
    const ended = await tool('drill', elsewhere, '--keep', '--json');
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0 });
    const { run: id, observations } = JSON.parse(ended.stdout) as DrillJson;
    const { containers } = await sandboxOf(id);
    const [inspected] = JSON.parse(await docker('inspect', ...containers)) as readonly {
      readonly HostConfig: object;
      readonly Mounts: readonly { readonly Name?: string; readonly Source: string }[];
      readonly Config: { readonly Env: readonly string[] };
    }[];
    expect(inspected?.HostConfig).toMatchObject({
      Privileged: false,
      PidMode: '',
      CapAdd: null,
      PortBindings: {},
      NetworkMode: `${id}_default`,
    });
    const sources = inspected?.Mounts.map(({ Name, Source }) => Name ?? Source);
    expect(sources?.filter((source) => !source.includes(id))).toEqual([]);
    expect(sources).toHaveLength(3);
    expect(inspected?.Config.Env).toContain(`HOST_PATH=$${'{PATH}'}`);
    expect(observations.join('\n')).toMatch(/lies in no backups folder/);
    expect(await docker('exec', containers[0] ?? '', 'cat', '/data/file', '/one.conf')).toBe(
      'precious\na single file',
    );
    expect(await tool('drill', '--remove', id)).toMatchObject({ exitCode: 0, stdout: `removed ${id}\n` });
    expect((await leftBy(id, backups)).engine).toEqual(clean.engine);
  });
});
