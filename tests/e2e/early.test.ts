import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readers } from '../../src/copy/readers.ts';
import { verifySnapshot } from '../../src/snapshot/verify.ts';
import {
  composeText,
  idle,
  lasting,
  lastRun,
  leftoversIn,
  newestManifest,
  snapshotsIn,
  unwired,
  writeConfig,
} from '../support/backups.ts';
import { docker } from '../support/containers.ts';
import { type Gate, gateIn } from '../support/gate.ts';
import { guardiansOf } from '../support/guardians.ts';
import { newestJournal } from '../support/journal.ts';
import { bookOf } from '../support/reliability/book.ts';
import {
  type ContainerEvent,
  type ContainerState,
  type ScratchStack,
  scratchStack,
  spawnTool,
  watchEvents,
} from '../support/scratch.ts';
import { until } from '../support/until.ts';

const book = bookOf('early');

/**
 * `db` ← `app`, which also reads what `slow` writes · `slow` ← `after` · `frozen` writes to db's volume ·
 * `needy` ends when it does not find `slow` in their network, but says so nowhere. The copy of slow's volume lasts until the
 * test lets it go: the `cp` of this run waits at a gate for it.
 */
const services = {
  db: unwired({
    restart: 'always',
    volumes: ['db:/data'],
    healthcheck: { test: ['CMD', 'test', '-e', '/data'], interval: '700ms', timeout: '10s', retries: 20 },
  }),
  app: unwired({
    restart: 'unless-stopped',
    depends_on: { db: { condition: 'service_healthy' } },
    volumes: ['app:/data', 'slow:/slow:ro'],
  }),
  slow: idle({ volumes: ['slow:/data'] }),
  after: unwired({ depends_on: ['slow'] }),
  frozen: unwired({ volumes: ['db:/data'] }),
  needy: idle({
    command: ['sh', '-c', 'getent hosts slow || exit 7; trap "exit 0" TERM; sleep infinity & wait'],
  }),
};

const slowCp = (fifo: string): string => `#!/bin/sh
case "$*" in *_slow*) read -r go <'${fifo}' ;; esac
exec /usr/bin/cp "$@"
`;

const countOf = (events: readonly ContainerEvent[], service: string, action: string): number =>
  events.filter((event) => event.service === service && event.action === action).length;

const stateOf = (all: readonly ContainerState[], service: string): string | undefined =>
  all.find((one) => one.service === service)?.state;

describe('services whose data are copied must come back while those of others are still copied', () => {
  let stack: ScratchStack;
  let gate: Gate;
  let backups: string;
  let before: ReturnType<typeof lasting>;

  beforeAll(async () => {
    stack = await scratchStack(
      composeText(services, { volumes: Object.fromEntries(['db', 'app', 'slow'].map((name) => [name, {}])) }),
    );
    backups = join(stack.folder, 'backups');
    await configure({});
    gate = await gateIn(stack.folder);
    await chmod(await stack.write('bin/cp', slowCp(join(stack.folder, 'gate.fifo'))), 0o755);
    await stack.up('slow');
    await stack.up();
    await stack.compose('exec', '-T', 'db', 'sh', '-c', 'echo before >/data/file');
    await until('db is healthy', async () => (await stack.ps()).some((one) => one.health === 'healthy'));
    before = lasting(await stack.ps());
  });
  afterAll(async () => {
    await gate?.[Symbol.asyncDispose]();
    await stack?.down();
  });
  afterEach(async () => {
    expect(lasting(await stack.ps())).toEqual(before);
    expect(await leftoversIn(backups)).toEqual([]);
  });

  const configure = (more: object): Promise<void> =>
    writeConfig(stack.folder, {
      box: {
        project: stack.project,
        warm: false,
        incremental: false,
        services: { frozen: { quiesce: 'pause' } },
        ...more,
      },
    });
  const backup = () =>
    spawnTool(['box'], {
      cwd: stack.folder,
      env: { PATH: `${join(stack.folder, 'bin')}:${process.env.PATH}` },
    });

  /** `app` needs `db` and comes after it; what comes at the end waits for the gate. No run that failed brought it back. */
  const appIsBack = (): Promise<unknown> =>
    until('app is back', async () => {
      const journal = await newestJournal(backups);
      if (journal?.returning === true) return false;
      return journal?.containers.some(({ service, back }) => service === 'app' && back === true);
    });

  it('each once, and with the data as they were when all was quiet', async () => {
    await using watch = await watchEvents(stack.project);
    await using tool = backup();
    await appIsBack();
    await until('needy has given up', async () =>
      (await stack.ps()).some(({ service, exitCode }) => service === 'needy' && exitCode === 7),
    );
    const during = await stack.ps();
    const journal = await newestJournal(backups);
    await stack.compose('exec', '-T', 'db', 'sh', '-c', 'echo later >/data/file');
    await gate.open();
    const ended = await tool.ended;
    const events = await watch.end();

    expect(Object.fromEntries(during.map(({ service, state }) => [service, state]))).toMatchObject({
      db: 'running',
      app: 'running',
      frozen: 'running',
      slow: 'exited',
      after: 'exited',
    });
    expect(journal?.phase).toBe('starting');
    expect(ended.exitCode, ended.stderr + ended.stdout).toBe(0);
    for (const service of ['db', 'app', 'slow', 'after']) expect(countOf(events, service, 'start')).toBe(1);
    expect(countOf(events, 'frozen', 'unpause')).toBe(1);
    const starts = events.filter(({ action }) => action === 'start').map(({ service }) => service);
    expect(starts.indexOf('db')).toBeLessThan(starts.indexOf('app'));
    expect(starts.indexOf('app')).toBeLessThan(starts.indexOf('slow'));
    expect(starts.indexOf('slow')).toBeLessThan(starts.indexOf('after'));

    const { folder, downtime } = await newestManifest(backups);
    expect(await readFile(join(folder, 'volumes', `${stack.project}_db`, 'file'), 'utf8')).toBe('before\n');
    expect(await verifySnapshot(folder, { readers })).toMatchObject({ ok: true });
    expect(downtime.services.db).toBeLessThan(downtime.services.slow ?? 0);
    expect(downtime.windowMs).toBeGreaterThan(downtime.services.frozen ?? 0);
    // It had looked for `slow` in vain, and got a second try.
    expect(countOf(events, 'needy', 'start')).toBe(2);
    expect((await lastRun(backups)).warnings).toMatchObject([{ code: 'ended-early', notice: true }]);
  });

  it('but not when somebody else starts one that is still kept down: that fails the run', async () => {
    const made = (await snapshotsIn(backups)).length;
    await using watch = await watchEvents(stack.project);
    await using tool = backup();
    await appIsBack();
    await docker('start', await stack.container('slow'));
    await gate.open();
    const { exitCode, stderr } = await tool.ended;
    const events = await watch.end();
    expect(exitCode).toBe(1);
    expect(stderr).toContain('slow-1 was started by somebody else');
    for (const service of ['db', 'app', 'slow', 'after']) expect(countOf(events, service, 'start')).toBe(1);
    expect(await snapshotsIn(backups)).toHaveLength(made);
  });

  it('and those that were kept down, when the run is interrupted', async () => {
    await using watch = await watchEvents(stack.project);
    await using tool = backup();
    await appIsBack();
    tool.kill('SIGINT');
    const { exitCode } = await tool.ended;
    const events = await watch.end();
    expect(exitCode).toBe(130);
    for (const service of ['db', 'app', 'slow', 'after']) expect(countOf(events, service, 'start')).toBe(1);
    expect(countOf(events, 'frozen', 'unpause')).toBe(1);
  });

  /** A machine that has much else to do may need the second limit to have anything back before it is reached. */
  it('and those that were kept down, when limits.max_downtime is reached', async () => {
    const made = (await snapshotsIn(backups)).length;
    let isHalfWay = false;
    for (const limit of ['8s', '60s']) {
      await configure({ limits: { max_downtime: limit } });
      await using watch = await watchEvents(stack.project);
      await using tool = backup();
      isHalfWay = await Promise.race([
        appIsBack().then(
          () => true,
          () => false,
        ),
        tool.ended.then(() => false),
      ]);
      const { exitCode, stderr } = await tool.ended;
      const events = await watch.end();
      expect(exitCode, stderr).toBe(1);
      for (const service of ['db', 'app', 'slow', 'after']) expect(countOf(events, service, 'start')).toBe(1);
      expect(countOf(events, 'frozen', 'unpause')).toBe(1);
      expect(await snapshotsIn(backups)).toHaveLength(made);
      const record = await lastRun(backups);
      expect(record).toMatchObject({ outcome: 'failed', error: { code: 'timeout' }, down: [] });
      expect(lasting(await stack.ps())).toEqual(before);
      const { downtimeMs } = record;
      if (isHalfWay)
        book.survived('limits.max_downtime reached when some are back already', [
          { backMs: downtimeMs - Number.parseInt(limit, 10) * 1000 },
        ]);
      if (isHalfWay) break;
    }
    await configure({});
    expect(isHalfWay).toBe(true);
  });

  it('and when the tool is killed, the others; what has become of those that were back is left alone', async () => {
    await using watch = await watchEvents(stack.project);
    await using tool = backup();
    await appIsBack();
    await stack.compose('stop', 'app');
    tool.kill('SIGKILL');
    await until('the guardian has gone', async () => (await guardiansOf(backups)).length === 0);
    const events = await watch.end();
    const after = await stack.ps();
    for (const service of ['db', 'app', 'slow', 'after']) expect(countOf(events, service, 'start')).toBe(1);
    expect(countOf(events, 'frozen', 'unpause')).toBe(1);
    expect(stateOf(after, 'app')).toBe('exited');
    expect(stateOf(after, 'after')).toBe('running');
    await stack.compose('start', 'app', 'needy');
  });
});
