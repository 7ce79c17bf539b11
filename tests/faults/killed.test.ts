import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Journal } from '../../src/run/journal.ts';
import type { RunRecord } from '../../src/run/record.ts';
import { guardiansOf } from '../support/guardians.ts';
import { bookOf } from '../support/reliability/book.ts';
import {
  type ContainerState,
  runTool,
  type ScratchStack,
  scratchStack,
  spawnTool,
  states,
} from '../support/scratch.ts';
import { until } from '../support/until.ts';

const book = bookOf('killed');

/**
 * `db` ← `app` (starts when db is healthy) ← `net` (shares app's network); `idle` is frozen by its user,
 * `off` was stopped. All end at once on TERM; only those that share a network have one of their own, it takes long to set up.
 */
const yaml = `
x-service: &service
  image: debian:bookworm-slim
  init: true
  command: [sleep, infinity]
services:
  db:
    <<: *service
    network_mode: host
    restart: always
    volumes: [db:/data]
    healthcheck: { test: [CMD, test, -e, /data], interval: 500ms, timeout: 2s, retries: 20 }
  app:
    <<: *service
    restart: on-failure:3
    depends_on: { db: { condition: service_healthy } }
    volumes: [app:/data]
  net:
    <<: *service
    network_mode: service:app
  idle:
    <<: *service
    network_mode: host
    volumes: [idle:/data]
  frozen:
    <<: *service
    network_mode: host
    volumes: [frozen:/data]
  off:
    <<: *service
    network_mode: host
volumes: { db: {}, app: {}, idle: {}, frozen: {} }
`;

const lasting = (all: readonly ContainerState[]) =>
  all.map(({ id, name, state, health, restartPolicy }) => ({ id, name, state, health, restartPolicy }));

describe('a run that is killed', () => {
  let stack: ScratchStack;
  let before: readonly ContainerState[];
  let backups: string;

  const journals = async (): Promise<readonly string[]> =>
    readdir(join(backups, '.stack-backup/runs')).catch(() => []);
  const history = async (): Promise<readonly RunRecord[]> =>
    (await readFile(join(backups, '.stack-backup/history.ndjson'), 'utf8').catch(() => ''))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as RunRecord);

  /** A configuration whose while-stopped hook holds the window open until the run is killed. */
  const config = `
backups: ./backups
instances:
  box:
    project: PROJECT
    services: { frozen: { quiesce: pause } }
    hooks:
      - { kind: command, host: true, phase: while-stopped, command: [sleep, '600'], timeout: 20m }
`;

  const begin = (...args: readonly string[]) => spawnTool(['box', ...args], { cwd: stack.folder });

  const guardians = () => guardiansOf(backups);

  beforeAll(async () => {
    stack = await scratchStack(yaml);
    backups = join(stack.folder, 'backups');
    await stack.write('backup.config.yaml', config.replace('PROJECT', stack.project));
    await stack.up();
    await until('db is healthy', async () => (await stack.ps()).some((one) => one.health === 'healthy'));
    await stack.compose('stop', 'off');
    await stack.compose('pause', 'idle');
  });
  afterAll(() => stack?.down());
  beforeEach(async () => {
    before = await states(stack.project);
    expect(before.map((one) => one.state).sort()).toEqual([
      'exited',
      'paused',
      'running',
      'running',
      'running',
      'running',
    ]);
  });

  const expectRecovered = async (known: number): Promise<void> => {
    await until(
      'the run was recovered',
      async () => (await journals()).length === 0 && (await history()).length > known,
    );
    expect(lasting(await states(stack.project))).toEqual(lasting(before));
    expect(await readdir(join(backups, '.stack-backup/tmp'))).toEqual([]);
    expect((await readdir(backups)).filter((name) => name.startsWith('box-'))).toEqual([]);
    expect((await history()).at(-1)).toMatchObject({
      instance: 'box',
      outcome: 'failed',
      error: { code: 'died' },
    });
  };

  it('must be put right by its guardian, with shared networks and hooks that hang', async () => {
    const known = (await history()).length;
    await using tool = begin();
    await tool.line(/hook .* begins/);
    tool.kill('SIGKILL');
    await tool.ended;
    await expectRecovered(known);
    await until('the guardian is gone', async () => (await guardians()).length === 0);
  });

  it('must be put right by recover when the guardian was killed with it, and only once', async () => {
    const known = (await history()).length;
    await using tool = begin();
    await tool.line(/hook .* begins/);
    const [guardian] = await guardians();
    process.kill(guardian ?? -1, 'SIGKILL');
    tool.kill('SIGKILL');
    await tool.ended;
    const down = await states(stack.project);
    expect(down.filter((one) => one.state === 'running').map((one) => one.service)).toEqual([]);
    expect(down.map((one) => one.restartPolicy)).not.toContain('always');

    const shown = await runTool(['recover', '--dry-run'], { cwd: stack.folder });
    expect(shown).toMatchObject({ exitCode: 0 });
    expect(shown.stdout).toContain(`${stack.project}-db-1`);
    expect(await states(stack.project)).toEqual(down);

    expect(await runTool(['recover'], { cwd: stack.folder })).toMatchObject({ exitCode: 0 });
    await expectRecovered(known);
    const once = await states(stack.project);
    const again = await runTool(['recover'], { cwd: stack.folder });
    expect(again).toMatchObject({ exitCode: 0, stdout: 'nothing to recover\n' });
    expect(await states(stack.project)).toEqual(once);
  });

  it('must be put right by the next backup, which then succeeds', async () => {
    const known = (await history()).length;
    await using tool = begin();
    await tool.line(/hook .* begins/);
    for (const guardian of await guardians()) process.kill(guardian, 'SIGKILL');
    tool.kill('SIGKILL');
    await tool.ended;
    const next = await runTool([stack.project, '--backups', backups, '--config', '/dev/null'], { cwd: '/' });
    expect(next.exitCode, next.stderr).toBe(2); // an empty configuration is a mistake, and nothing is touched for it
    const quick = await stack.write(
      'quick.yaml',
      config.replace('PROJECT', stack.project).split('    hooks:')[0] ?? '',
    );
    const good = await runTool(['box', '--config', quick], { cwd: stack.folder });
    expect(good.exitCode, good.stderr).toBe(0);
    expect((await history()).slice(known).map((one) => one.outcome)).toEqual(['failed', 'complete']);
    expect(lasting(await states(stack.project))).toEqual(lasting(before));
  });

  it('must leave alone what somebody started and stopped again since', async () => {
    await using tool = begin();
    await tool.line(/hook .* begins/);
    for (const guardian of await guardians()) process.kill(guardian, 'SIGKILL');
    tool.kill('SIGKILL');
    await tool.ended;
    await stack.compose('start', 'db');
    await stack.compose('stop', 'db');
    expect(await runTool(['recover'], { cwd: stack.folder })).toMatchObject({ exitCode: 0 });
    const now = await states(stack.project);
    expect(now.find((one) => one.service === 'db')).toMatchObject({
      state: 'exited',
      restartPolicy: 'always',
    });
    expect(now.find((one) => one.service === 'app')?.state).toBe('running');
    await stack.compose('start', 'db');
    await until('db is healthy', async () => (await stack.ps()).some((one) => one.health === 'healthy'));
  });

  it('must not touch journals that are damaged, from the future, of another engine or of a living run', async () => {
    await using tool = begin();
    await tool.line(/hook .* begins/);
    const folder = join(backups, '.stack-backup/runs');
    const [name] = await journals();
    const journal = JSON.parse(await readFile(join(folder, name ?? ''), 'utf8')) as Journal;
    const odd = {
      'truncated.json': JSON.stringify(journal).slice(0, 100),
      'corrupted.json': JSON.stringify(journal).replace('"containers":[{', '"containers":[\u0000'),
      'future.json': JSON.stringify({ ...journal, version: 2 }),
      'elsewhere.json': JSON.stringify({
        ...journal,
        folder: '/etc',
        process: { ...journal.process, pid: 1 },
      }),
      'other-engine.json': JSON.stringify({
        ...journal,
        engine: { id: 'X', endpoint: '' },
        process: { ...journal.process, pid: 1 },
      }),
    };
    for (const [file, text] of Object.entries(odd)) await writeFile(join(folder, file), text);
    const down = await states(stack.project);
    const tried = await runTool(['recover'], { cwd: stack.folder });
    // Nothing was recovered, but somebody has to look into those that cannot be used.
    expect(tried).toMatchObject({ exitCode: 3, stdout: 'nothing to recover\n' });
    for (const file of ['truncated.json', 'corrupted.json', 'future.json', 'elsewhere.json'])
      expect(tried.stderr).toContain(file);
    expect(await states(stack.project)).toEqual(down);
    expect((await journals()).toSorted()).toEqual([...Object.keys(odd), name].toSorted());

    tool.kill('SIGTERM');
    expect((await tool.ended).exitCode).toBe(143);
    expect(lasting(await states(stack.project))).toEqual(lasting(before));
    expect((await journals()).toSorted()).toEqual(Object.keys(odd).toSorted());
    expect(await guardians()).toEqual([]);
    const kind = 'journal truncated, corrupted, of the future, of another engine';
    book.survived(
      kind,
      Object.keys(odd).map(() => ({})),
    );
  });
});
