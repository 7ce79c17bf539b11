import { once } from 'node:events';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  composeText,
  hostHook,
  idle,
  lasting,
  leftoversIn,
  manifestOf,
  snapshotsIn,
  unwired,
  writeConfig,
} from '../support/backups.ts';
import { docker } from '../support/containers.ts';
import { gateIn } from '../support/gate.ts';
import { bookOf } from '../support/reliability/book.ts';
import {
  type ContainerState,
  runTool,
  type ScratchStack,
  scratchStack,
  spawnTool,
} from '../support/scratch.ts';
import { backUpWith, backupsOf, isAtWork, meddleWith, type Trial } from '../support/trial.ts';
import { until } from '../support/until.ts';

const book = bookOf('trouble');

const stateOf = (all: readonly ContainerState[], service: string): string | undefined =>
  all.find((one) => one.service === service)?.state;

const mountpoint = (volume: string): Promise<string> =>
  docker('volume', 'inspect', '--format', '{{.Mountpoint}}', volume);

/** Failed, with nothing of it left: no snapshot under any name, no journal. */
const expectNothingKept = ({ made, left }: Trial): void => {
  expect({ made, left }).toEqual({ made: [], left: [] });
};

describe('somebody else changes the stack during the copy', () => {
  let stack: ScratchStack;

  beforeAll(async () => {
    stack = await scratchStack(
      composeText(
        {
          base: unwired({ volumes: ['data:/data'], restart: 'unless-stopped' }),
          top: unwired({ depends_on: ['base'] }),
        },
        { volumes: { data: {} } },
      ),
    );
  });
  afterEach(async () => {
    const late = await docker('ps', '-q', '--filter', `name=^${stack.project}-late$`);
    if (late !== '') await docker('rm', '-f', late);
  });
  afterAll(() => stack?.down());

  /** Begins with both containers at work, whatever was done to them before. */
  const meddled = async (meddle: () => Promise<unknown>, settings: object = {}): Promise<Trial> => {
    await stack.up();
    return meddleWith(stack, { ...settings }, meddle);
  };
  const id = (service: string): Promise<string> => stack.container(service);

  it.each([
    ['a container that somebody has started', 'stop', async () => docker('start', await id('base'))],
    [
      'one that was started and has been stopped again',
      'stop',
      async () => docker('stop', await id('base'), await docker('start', await id('base'))),
    ],
    ['a container that somebody has thawed', 'pause', async () => docker('unpause', await id('base'))],
    [
      'one that was thawed and frozen again',
      'pause',
      async () => {
        await docker('unpause', await id('base'));
        await docker('pause', await id('base'));
      },
    ],
    [
      'a container that came to the project',
      'stop',
      () => stack.compose('run', '-d', '--rm', '--no-deps', '--name', `${stack.project}-late`, 'top'),
    ],
  ])('must not trust a copy beside %s', async (_name, quiesce, meddle) => {
    const trial = await meddled(meddle, { quiesce });
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(1);
    expect(trial.record).toMatchObject({ outcome: 'failed', error: { code: 'stack-changed' } });
    expectNothingKept(trial);
    const ids = trial.before.map((one) => one.id);
    expect(lasting(trial.after.filter((one) => ids.includes(one.id)))).toEqual(lasting(trial.before));
  });

  it.each(['stop', 'pause'])('must not start again what ended by itself before the %s', async (quiesce) => {
    await stack.up();
    const ends = () => docker('kill', '--signal', 'TERM', `${stack.project}-top-1`);
    const trial = await meddleWith(stack, { quiesce }, ends, 'before-stop');
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(0);
    expect(trial.after.map(({ service, state }) => `${service} ${state}`)).toEqual([
      'base running',
      'top exited',
    ]);
    expect(trial.after[1]?.startedAt).toBe(trial.before[1]?.startedAt);
    const manifest = await manifestOf(trial.made[0]);
    const top = manifest.containers.find((one) => one.service === 'top');
    expect(top).toMatchObject({ quiesced: 'none', consistency: 'cold', downtimeMs: 0 });
  });

  it('must refuse to stop what somebody has frozen meanwhile, and leave that frozen', async () => {
    await stack.up();
    const freezes = () => docker('pause', `${stack.project}-base-1`);
    const trial = await meddleWith(stack, {}, freezes, 'before-stop');
    await docker('unpause', `${stack.project}-base-1`);
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(1);
    expect(trial.record.error?.code).toBe('stack-changed');
    expectNothingKept(trial);
    expect(trial.after.map(({ service, state }) => `${service} ${state}`)).toEqual([
      'base paused',
      'top running',
    ]);
    expect(trial.after[0]?.startedAt).toBe(trial.before[0]?.startedAt);
  });

  it('must leave a container alone that somebody put in the place of a stopped one', async () => {
    const trial = await meddled(() => stack.compose('up', '-d', '--no-deps', '--force-recreate', 'base'));
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(1);
    expect(trial.record).toMatchObject({ outcome: 'failed', error: { code: 'stack-changed' } });
    expectNothingKept(trial);
    expect(trial.after.map(({ service, state }) => `${service} ${state}`)).toEqual([
      'base running',
      'top running',
    ]);
    book.survived('container removed, or put in the place of another, during the copy', [{}]);
  });

  it('must bring the others back when one was removed, and name that one', async () => {
    const trial = await meddled(async () => docker('rm', await id('base')));
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(4);
    expect(trial.record).toMatchObject({ outcome: 'services-down', error: { code: 'stack-changed' } });
    expect(trial.record.down).toMatchObject([{ service: 'base' }]);
    expect(trial.ended.stderr).toContain(`${stack.project}-base-1 could not be brought back`);
    expect(trial.made).toEqual([]);
    expect(trial.after.map(({ service, state }) => `${service} ${state}`)).toEqual(['top running']);
    book.survived('container removed, or put in the place of another, during the copy', [{}]);
  });

  it('must fail when the data of a volume is gone, and start whatever can be started', async () => {
    const data = await mountpoint(`${stack.project}_data`);
    const trial = await meddled(() => rm(data, { recursive: true }));
    await mkdir(data);
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(4);
    expect(trial.record.error?.code).toBe('copy-failed');
    expect(trial.record.down).toMatchObject([{ service: 'base' }]);
    expect(trial.made).toEqual([]);
    expect(stateOf(trial.after, 'top')).toBe('running');
    expect(lasting(trial.after).map((one) => one.restartPolicy)).toEqual(['unless-stopped', 'no']);
  });
});

describe('services that give trouble', () => {
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  let stack: ScratchStack;
  let data: string;

  beforeAll(async () => {
    const loop = 'trap "exit 0" TERM; sleep infinity & wait';
    stack = await scratchStack(
      composeText(
        {
          script: unwired({ command: ['/entry.sh'], volumes: ['./entry.sh:/entry.sh:ro'] }),
          port: idle({ ports: [`127.0.0.1:${port}:7000`] }),
          // No trap: as PID 1 it does not hear TERM.
          stubborn: unwired({
            command: ['sleep', 'infinity'],
            stop_grace_period: '1s',
            volumes: ['stubborn:/data'],
          }),
          picky: unwired({
            volumes: ['data:/data'],
            healthcheck: { test: ['CMD', 'test', '!', '-e', '/data/sick'], interval: '300ms', retries: 1 },
          }),
          dependent: unwired({
            depends_on: {
              picky: { condition: 'service_healthy' },
              script: { condition: 'service_started' },
              port: { condition: 'service_started' },
            },
          }),
        },
        { volumes: { data: {}, stubborn: {} } },
      ),
      { files: { 'entry.sh': `#!/bin/sh\n${loop}\n` } },
    );
    await chmod(join(stack.folder, 'entry.sh'), 0o755);
    await stack.up('--wait');
    data = await mountpoint(`${stack.project}_data`);
  });
  afterAll(() => stack?.down());

  it('must tell that one was killed, and that its files are as after a crash', async () => {
    const trial = await backUpWith(stack, {});
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(3);
    expect(lasting(trial.after)).toEqual(lasting(trial.before));
    expect(trial.record.warnings).toMatchObject([{ code: 'killed-after-grace', about: 'stubborn' }]);
    const manifest = await manifestOf(trial.made[0]);
    const worth = Object.fromEntries(manifest.containers.map((one) => [one.service, one.consistency]));
    expect(worth).toMatchObject({ stubborn: 'crash', picky: 'clean', script: 'clean' });
    const copies = Object.fromEntries(
      manifest.mounts.map((one) => [one.name.split('_')[1], one.consistency]),
    );
    expect(copies).toEqual({ data: 'clean', stubborn: 'crash' });
  });

  it('must name one that does not get healthy, and start those that wait for it', async () => {
    const trial = await meddleWith(stack, { limits: { health: '1s' } }, () =>
      writeFile(join(data, 'sick'), ''),
    );
    await rm(join(data, 'sick'));
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(3);
    expect(trial.record.warnings).toContainEqual(
      expect.objectContaining({ code: 'not-healthy', about: 'picky' }),
    );
    expect(trial.made).toHaveLength(1);
    expect(trial.left).toEqual([]);
    expect(trial.after.map(({ state }) => state)).toEqual(trial.before.map(() => 'running'));
    await until('it is healthy again', async () =>
      (await stack.ps()).every(({ service, health }) => service !== 'picky' || health === 'healthy'),
    );
  });

  it('must start all others when some will not start, name those, and keep snapshot and journal', async () => {
    const server = createServer();
    const entry = join(stack.folder, 'entry.sh');
    const text = await readFile(entry, 'utf8');
    const trial = await meddleWith(stack, {}, async () => {
      await rm(entry);
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    });
    server.close();
    // The engine has put a folder where the file was.
    await rm(entry, { recursive: true });
    await writeFile(entry, text, { mode: 0o755 });

    expect(trial.ended.exitCode, trial.ended.stderr).toBe(4);
    expect(trial.record.outcome).toBe('services-down');
    expect(trial.record.down.map((one) => one.service).sort()).toEqual(['port', 'script']);
    for (const name of ['port', 'script'])
      expect(trial.ended.stderr).toContain(`${stack.project}-${name}-1 could not be brought back`);
    const running = trial.after.filter(({ state }) => state === 'running').map(({ service }) => service);
    expect(running).toEqual(['dependent', 'picky', 'stubborn']);
    expect(trial.made).toEqual([trial.record.path]);
    expect(await runTool(['verify', trial.made[0] ?? ''], { cwd: stack.folder })).toMatchObject({
      exitCode: 0,
    });
    expect(trial.left).toEqual([`${trial.record.run}.json`]);

    const next = await backUpWith(stack, {});
    expect(next.ended.exitCode, next.ended.stderr).toBe(3); // `stubborn` is killed again
    expect(lasting(next.after)).toEqual(lasting(trial.before));
    expect(next.left).toEqual([]);
  });
});

describe('hooks that give trouble', () => {
  let stack: ScratchStack;
  let told: string;

  beforeAll(async () => {
    stack = await scratchStack(
      composeText(
        {
          one: unwired({ volumes: ['data:/data'], restart: 'always' }),
          two: unwired({ depends_on: ['one'] }),
        },
        { volumes: { data: {} } },
      ),
    );
    told = join(stack.folder, 'told');
    await stack.up();
  });
  afterAll(() => stack?.down());

  const phases = ['before-stop', 'while-stopped', 'after-start'] as const;
  const fails = ['sh', '-c', 'echo no such luck >&2; exit 9'];
  const tells = (): object =>
    hostHook(
      'tells',
      [
        'sh',
        '-c',
        'echo "$STACK_BACKUP_INSTANCE $STACK_BACKUP_OUTCOME $STACK_BACKUP_SNAPSHOT" >"$1"',
        'sh',
        told,
      ],
      { phase: 'finally' },
    );

  it.each(phases)('must end the run when one fails %s: services back, nothing kept', async (phase) => {
    const trial = await backUpWith(stack, { hooks: [hostHook('bad', fails, { phase }), tells()] });
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(1);
    expect(lasting(trial.after)).toEqual(lasting(trial.before));
    expectNothingKept(trial);
    expect(trial.record).toMatchObject({ outcome: 'failed', error: { code: 'hook-failed' } });
    expect(trial.record.error?.message).toContain('hook bad');
    expect(await readFile(told, 'utf8')).toBe('it failed \n');
    // Before the stop nothing is stopped at all.
    const again = trial.after.map((one, at) => one.startedAt !== trial.before[at]?.startedAt);
    expect(again).toEqual(again.map(() => phase !== 'before-stop'));
  });

  it('must go on with a warning each when they fail and may', async () => {
    const hooks = [...phases, 'finally'].map((phase) =>
      hostHook(`bad-${phase}`, fails, { phase, on_failure: 'warn' }),
    );
    const trial = await backUpWith(stack, { hooks: [...hooks, tells()] });
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(3);
    expect(lasting(trial.after)).toEqual(lasting(trial.before));
    expect(trial.made).toHaveLength(1);
    expect(trial.record.warnings.map(({ code, about }) => `${code} ${about}`)).toEqual(
      [...phases, 'finally'].map((phase) => `hook-failed bad-${phase}`),
    );
    const manifest = await manifestOf(trial.made[0]);
    expect(manifest.hooks.map(({ name, ok }) => `${name} ${ok}`)).toEqual(
      phases.map((phase) => `bad-${phase} false`),
    );
    expect(await readFile(told, 'utf8')).toBe(`it complete-with-warnings ${trial.made[0]}\n`);
  });

  it('must keep a snapshot whose `finally` hook fails, and say that it did', async () => {
    const trial = await backUpWith(stack, { hooks: [hostHook('bad', fails, { phase: 'finally' })] });
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(3);
    expect(trial.made).toEqual([trial.record.path]);
    expect(trial.record.warnings).toMatchObject([{ code: 'hook-failed' }]);
    expect(lasting(trial.after)).toEqual(lasting(trial.before));
  });

  it.each([
    ['its own timeout', { timeout: '1s' }, {}, 'did not end within 1'],
    ['the limit of the downtime', {}, { limits: { max_downtime: '6s' } }, 'limits.max_downtime'],
  ])(
    'must end one that hangs in the window, deaf to TERM, at %s, with its children',
    async (_name, more, settings, said) => {
      const pids = join(stack.folder, 'pids');
      const hangs = ['sh', '-c', 'trap "" TERM; sleep 1000 & echo $$ $! >"$1"; wait', 'sh', pids];
      const trial = await backUpWith(stack, {
        ...settings,
        hooks: [hostHook('hangs', hangs, more), tells()],
      });
      expect(trial.ended.exitCode, trial.ended.stderr).toBe(1);
      expect(lasting(trial.after)).toEqual(lasting(trial.before));
      expectNothingKept(trial);
      expect(trial.record).toMatchObject({ outcome: 'failed', error: { code: 'timeout' } });
      expect(trial.record.error?.message).toContain(said);
      // The hook would have hung for a quarter of an hour.
      expect(trial.record.downtimeMs).toBeLessThan(20_000);
      expect(await readFile(told, 'utf8')).toBe('it failed \n');
      const [shell = 0, child = 0] = (await readFile(pids, 'utf8')).split(' ').map(Number);
      expect(await isAtWork(shell)).toBe(false);
      await until('its child has ended', async () => !(await isAtWork(child)));
      book.survived('hook deaf to TERM', [{ backMs: trial.record.downtimeMs }]);
    },
  );

  it('must let one run at a time work on an instance, and tell the other who that is', async () => {
    await using gate = await gateIn(stack.folder);
    const other = await scratchStack(composeText({ one: unwired() }));
    await using _other = other;
    await other.up();
    await writeConfig(stack.folder, {
      it: { project: stack.project, hooks: [hostHook('gate', gate.command)] },
      other: { project: other.project },
    });
    const earlier = await snapshotsIn(backupsOf(stack));
    const before = lasting(await stack.ps());
    await using first = spawnTool(['it'], { cwd: stack.folder });
    await first.line(/hook gate .* begins/);
    const second = await runTool(['it'], { cwd: stack.folder });
    expect(second.exitCode, second.stderr).toBe(5);
    expect(second.stderr).toContain(`pid ${first.child.pid}`);
    expect(second.stderr).toContain('while-stopped');
    await writeConfig(other.folder, { shop: { project: stack.project } });
    const elsewhere = await runTool(['shop'], { cwd: other.folder });
    expect(elsewhere.exitCode, elsewhere.stderr).toBe(5);
    // Another instance, into the same folder, is nobody's business.
    const beside = await runTool(['other'], { cwd: stack.folder });
    expect(beside.exitCode, beside.stderr).toBe(0);
    expect((await stack.ps()).map(({ state }) => state)).toEqual(['exited', 'exited']);
    await gate.open();
    const ended = await first.ended;
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(lasting(await stack.ps())).toEqual(before);
    const made = (await snapshotsIn(backupsOf(stack))).filter((path) => !earlier.includes(path));
    expect(made).toHaveLength(2);
    expect(await leftoversIn(backupsOf(stack))).toEqual([]);
  });
});
