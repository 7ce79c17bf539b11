import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../src/snapshot/types.ts';
import {
  composeText,
  hostHook,
  idle,
  lasting,
  leftoversIn,
  newestManifest,
  snapshotsIn,
  unwired,
  writeConfig,
} from '../support/backups.ts';
import { docker } from '../support/containers.ts';
import { type Gate, gateIn } from '../support/gate.ts';
import {
  type ContainerEvent,
  type ContainerState,
  runTool,
  type ScratchStack,
  scratchStack,
  spawnTool,
  startOrder,
  type ToolResult,
  watchEvents,
} from '../support/scratch.ts';
import { until } from '../support/until.ts';

const service = (all: readonly ContainerState[], name: string): ContainerState => {
  const found = all.find((one) => one.service === name);
  if (found === undefined) throw new Error(`no container of ${name}`);
  return found;
};

const actionsOn = (events: readonly ContainerEvent[], name: string): readonly string[] =>
  events.filter((event) => event.service === name).map((event) => event.action);

/** Network devices that the processes of a container see; also while it is frozen. */
const networkOf = async (id: string): Promise<readonly string[]> => {
  const pid = await docker('inspect', '--format', '{{.State.Pid}}', id);
  const lines = (await readFile(`/proc/${pid}/net/dev`, 'utf8')).split('\n');
  return lines.flatMap((line) => /^\s*(\w+):/.exec(line)?.[1] ?? []);
};

const containerIn = (manifest: Manifest, name: string) =>
  manifest.containers.find((container) => container.service === name);

const mountIn = (manifest: Manifest, name: string) =>
  manifest.mounts.find((mount) => mount.labels['com.docker.compose.volume'] === name);

const echoServer = `
import socketserver
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
socketserver.ThreadingTCPServer(("", 7000), Echo).serve_forever()
`;

const say = (socket: Socket, word: string): Promise<string> =>
  new Promise((resolve, reject) => {
    socket.once('data', (data) => resolve(String(data).trim()));
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.write(`${word}\n`);
  });

describe('quiesce: pause, for a project that no configuration names', () => {
  let stack: ScratchStack;
  let socket: Socket;
  let before: readonly ContainerState[];
  let after: readonly ContainerState[];
  let events: readonly ContainerEvent[];
  let ended: ToolResult;
  let manifest: Manifest;

  beforeAll(async () => {
    const server = {
      image: 'stack-backup-example/app',
      command: ['python3', '-c', echoServer],
      ports: ['127.0.0.1::7000'],
      volumes: ['data:/data'],
    };
    stack = await scratchStack(
      composeText(
        { server, client: unwired({ depends_on: ['server'], restart: 'always' }), held: unwired() },
        { volumes: { data: {} } },
      ),
    );
    await stack.up();
    await docker('pause', await stack.container('held'));
    const port = Number((await stack.compose('port', 'server', '7000')).split(':').at(-1));
    socket = await until('the server answers', async () => {
      const one = connect(port, '127.0.0.1');
      const hears = await say(one, 'hello').catch(() => undefined);
      return hears === 'hello' && one;
    });
    before = await stack.ps();
    await using watch = await watchEvents(stack.project);
    ended = await runTool([stack.project, '--quiesce', 'pause'], { cwd: stack.folder });
    events = await watch.end();
    after = await stack.ps();
    manifest = await newestManifest(join(stack.folder, 'backups'));
  });
  afterAll(async () => {
    socket?.destroy();
    await stack?.down();
  });

  it('must end well, with the snapshot in ./backups of the current folder', async () => {
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(await snapshotsIn(join(stack.folder, 'backups'))).toHaveLength(1);
    expect(manifest).toMatchObject({ instance: stack.project, project: stack.project, outcome: 'complete' });
  });

  it('must stop nothing: every container as before, even when it was started', () => {
    expect(after).toEqual(before);
    const ends = events.filter(({ action }) => ['die', 'kill', 'stop', 'start'].includes(action));
    expect(ends).toEqual([]);
  });

  it('must freeze and thaw each container that ran, once', () => {
    expect(actionsOn(events, 'server')).toEqual(['pause', 'unpause']);
    expect(actionsOn(events, 'client')).toEqual(['pause', 'unpause']);
  });

  it('must not touch a container that the user had frozen', () => {
    expect(actionsOn(events, 'held')).toEqual([]);
    expect(service(after, 'held').state).toBe('paused');
  });

  it('must keep connections open', async () => {
    expect(await say(socket, 'still there')).toBe('still there');
  });

  it('must say that the copy is worth what a power cut leaves', () => {
    expect(containerIn(manifest, 'server')).toMatchObject({ quiesced: 'pause', consistency: 'crash' });
    expect(mountIn(manifest, 'data')).toMatchObject({ consistency: 'crash' });
  });
});

describe('a quiesce of its own for each service', () => {
  let stack: ScratchStack;
  let before: readonly ContainerState[];
  let after: readonly ContainerState[];
  let events: readonly ContainerEvent[];
  let ended: ToolResult;
  let manifest: Manifest;

  beforeAll(async () => {
    stack = await scratchStack(
      composeText(
        {
          stopped: idle({ volumes: ['one:/data'] }),
          frozen: unwired({ volumes: ['two:/data'] }),
          runs: unwired({ volumes: ['three:/data'], depends_on: ['stopped'] }),
          sharer: idle({ network_mode: 'service:stopped' }),
          held: idle({ network_mode: 'service:stopped' }),
        },
        { volumes: { one: {}, two: {}, three: {} } },
      ),
    );
    await stack.up();
    await docker('pause', await stack.container('held'));
    await writeConfig(stack.folder, {
      mixed: {
        project: stack.project,
        services: { frozen: { quiesce: 'pause' }, runs: { quiesce: 'none' }, sharer: { quiesce: 'pause' } },
      },
    });
    before = await stack.ps();
    await using watch = await watchEvents(stack.project);
    ended = await runTool(['mixed'], { cwd: stack.folder });
    events = await watch.end();
    after = await stack.ps();
    manifest = await newestManifest(join(stack.folder, 'backups'));
  });
  afterAll(() => stack?.down());

  it('must leave every container in the state it was in', () => {
    // Of the volume of the service that keeps running nothing is kept: that is a warning, and the only one.
    expect(ended.exitCode, ended.stderr).toBe(3);
    expect(manifest.warnings.map((warning) => warning.code)).toEqual(['not-kept']);
    expect(lasting(after)).toEqual(lasting(before));
  });

  it('must stop what is to be stopped and freeze what is to be frozen', () => {
    expect(actionsOn(events, 'stopped')).toEqual(['kill', 'die', 'stop', 'start']);
    expect(actionsOn(events, 'frozen')).toEqual(['pause', 'unpause']);
    expect(service(after, 'frozen').startedAt).toBe(service(before, 'frozen').startedAt);
    expect(containerIn(manifest, 'stopped')).toMatchObject({ quiesced: 'stop', consistency: 'clean' });
    expect(containerIn(manifest, 'frozen')).toMatchObject({ quiesced: 'pause', consistency: 'crash' });
    expect(mountIn(manifest, 'one')).toMatchObject({ consistency: 'clean' });
    expect(mountIn(manifest, 'two')).toMatchObject({ consistency: 'crash' });
  });

  it('must leave out what a running service writes, with the reason, and not touch that service', () => {
    expect(actionsOn(events, 'runs')).toEqual([]);
    expect(service(after, 'runs')).toEqual(service(before, 'runs'));
    expect(mountIn(manifest, 'three')).toBeUndefined();
    const skipped = manifest.skipped.find((one) => one.name === `${stack.project}_three`);
    expect(skipped?.reason).toContain('runs keeps running (quiesce: none)');
    expect(containerIn(manifest, 'runs')).toMatchObject({ quiesced: 'none', consistency: 'dump-only' });
  });

  it('must stop whoever shares the network of what is stopped, and start it after its owner', async () => {
    const at = (name: string, action: string): number =>
      events.findIndex((event) => event.service === name && event.action === action);
    for (const name of ['sharer', 'held']) {
      expect(at(name, 'die')).toBeLessThan(at('stopped', 'kill'));
      expect(at(name, 'start')).toBeGreaterThan(at('stopped', 'start'));
      expect(await networkOf(service(after, name).id)).toContain('eth0');
    }
  });

  it('must freeze again what was frozen, after it had to be stopped', () => {
    expect(actionsOn(events, 'held').slice(-2)).toEqual(['start', 'pause']);
    expect(service(after, 'held').state).toBe('paused');
  });
});

describe('a stack with a container of every kind', () => {
  const policies = { keen: 'always', tries: 'on-failure:3', steady: 'unless-stopped', plain: 'no' };
  let stack: ScratchStack;
  let gate: Gate;
  let runs: readonly string[];
  let before: readonly ContainerState[];
  let during: readonly ContainerState[];
  let after: readonly ContainerState[];
  let order: readonly string[];
  let events: readonly ContainerEvent[];
  let ended: ToolResult;

  beforeAll(async () => {
    const long = 'test -e /data/long || exit 0; trap "exit 0" TERM; sleep infinity & wait';
    const services = {
      ...Object.fromEntries(
        Object.entries(policies).map(([name, restart]) => [
          name,
          unwired({ restart, volumes: ['data:/data'] }),
        ]),
      ),
      migrate: unwired({ command: ['sh', '-c', long], volumes: ['data:/data'] }),
      app: unwired({
        depends_on: {
          migrate: { condition: 'service_completed_successfully' },
          keen: { condition: 'service_started' },
        },
        volumes: ['data:/data'],
      }),
      worker: unwired({ depends_on: ['app'] }),
      crashing: unwired({ command: ['sh', '-c', 'exit 7'], restart: 'always' }),
      job: unwired({ profiles: ['jobs'] }),
    };
    const rest = { volumes: { data: {} } };
    stack = await scratchStack(composeText({ ...services, orphan: unwired() }, rest));
    gate = await gateIn(stack.folder);
    await stack.up('--scale', 'worker=3');
    await stack.write('compose.yaml', composeText(services, rest));
    await stack.compose('run', '-d', '--name', `${stack.project}-kept`, 'job');
    await stack.compose('run', '-d', '--rm', '--name', `${stack.project}-rm`, 'job');
    await docker('stop', await stack.container('worker', 2));
    await docker('exec', await stack.container('app'), 'touch', '/data/long');
    await docker('start', await stack.container('migrate'));
    await writeConfig(stack.folder, {
      all: {
        project: stack.project,
        hooks: [hostHook('gate', gate.command)],
      },
    });
    const crashing = await stack.container('crashing');
    await until('it has crashed a few times', async () => {
      const [count, state] = (
        await docker('inspect', '--format', '{{.RestartCount}} {{.State.Status}}', crashing)
      ).split(' ');
      return Number(count) > 3 && state === 'restarting';
    });
    before = await stack.ps();
    const since = new Date();
    await using watch = await watchEvents(stack.project);
    await using tool = spawnTool(['all'], { cwd: stack.folder });
    await tool.line(/hook gate .* begins/);
    during = await stack.ps();
    await gate.open();
    ended = await tool.ended;
    events = await watch.end();
    after = await stack.ps();
    order = await startOrder(stack.project, since);
    runs = [`${stack.project}-kept`, `${stack.project}-rm`];
  });
  afterAll(async () => {
    await gate?.[Symbol.asyncDispose]();
    await stack?.down();
  });

  const steady = (all: readonly ContainerState[]) => all.filter((one) => one.service !== 'crashing');

  it('must leave every container as it was', () => {
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(lasting(steady(after))).toEqual(lasting(steady(before)));
  });

  it('must have nothing running in the window', () => {
    expect(during.filter((one) => ['running', 'restarting'].includes(one.state))).toEqual([]);
  });

  it('must take every restart policy away for the window and give it back', () => {
    const policiesOf = (all: readonly ContainerState[]) =>
      Object.fromEntries(Object.keys(policies).map((name) => [name, service(all, name).restartPolicy]));
    expect(policiesOf(before)).toEqual(policies);
    expect(Object.values(policiesOf(during))).toEqual(['no', 'no', 'no', 'no']);
    expect(policiesOf(after)).toEqual(policies);
  });

  it('must freeze, not stop, a `compose run` and a one-shot at work', () => {
    for (const name of [...runs, `${stack.project}-migrate-1`]) {
      const find = (all: readonly ContainerState[]) => all.find((one) => one.name === name);
      expect(find(during)?.state, name).toBe('paused');
      expect(find(after), name).toEqual(find(before));
      expect(find(after)?.state).toBe('running');
    }
    expect(actionsOn(events, 'migrate')).toEqual(['pause', 'unpause']);
    expect([...new Set(actionsOn(events, 'job'))]).toEqual(['pause', 'unpause']);
  });

  it('must bring replicas back one for one, and not one that the user had stopped', () => {
    const workers = (all: readonly ContainerState[]) =>
      all.filter((one) => one.service === 'worker').map(({ number, state }) => `${number} ${state}`);
    expect(workers(during)).toEqual(['1 exited', '2 exited', '3 exited']);
    expect(workers(after)).toEqual(['1 running', '2 exited', '3 running']);
    expect(events.filter((event) => event.service === 'worker' && event.number === 2)).toEqual([]);
  });

  it('must start dependencies first', () => {
    const at = (name: string): number => order.indexOf(name);
    expect(at('keen-1')).toBeGreaterThanOrEqual(0);
    expect(at('app-1')).toBeGreaterThan(at('keen-1'));
    expect(at('worker-1')).toBeGreaterThan(at('app-1'));
    expect(at('worker-3')).toBeGreaterThan(at('app-1'));
  });

  it('must stop and bring back a container whose service has left the compose file', () => {
    expect(service(during, 'orphan').state).toBe('exited');
    expect(actionsOn(events, 'orphan')).toEqual(['kill', 'die', 'stop', 'start']);
    expect(service(after, 'orphan').state).toBe('running');
  });

  it('must keep a crash-looping container still in the window and let it crash on afterwards', async () => {
    expect(service(during, 'crashing')).toMatchObject({ state: 'exited', restartPolicy: 'no' });
    expect(service(after, 'crashing')).toMatchObject({ restartPolicy: 'always' });
    const first = Number(
      await docker('inspect', '--format', '{{.RestartCount}}', service(after, 'crashing').id),
    );
    await until('it has crashed again', async () => {
      const now = await docker('inspect', '--format', '{{.RestartCount}}', service(after, 'crashing').id);
      return Number(now) > first;
    });
  });
});

describe('a stack of which nothing runs, and several instances in one call', () => {
  let cold: ScratchStack;
  let warm: ScratchStack;
  let backups: string;

  beforeAll(async () => {
    const text = composeText({ one: unwired({ volumes: ['data:/data'] }) }, { volumes: { data: {} } });
    cold = await scratchStack(text);
    warm = await scratchStack(text);
    await cold.up();
    await warm.up();
    await docker('exec', await cold.container('one'), 'sh', '-c', 'echo kept >/data/file');
    await cold.compose('stop');
    backups = join(cold.folder, 'backups');
    await writeConfig(cold.folder, { cold: { project: cold.project }, warm: { project: warm.project } });
  });
  afterAll(async () => {
    await warm?.down();
    await cold?.down();
  });

  it('must hold the data, and start nothing', async () => {
    const before = await cold.ps();
    await using watch = await watchEvents(cold.project);
    const ended = await runTool(['cold'], { cwd: cold.folder });
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(await watch.end()).toEqual([]);
    expect(await cold.ps()).toEqual(before);
    const manifest = await newestManifest(backups);
    const data = mountIn(manifest, 'data');
    expect(data).toMatchObject({ consistency: 'cold', files: 1 });
    expect(await readFile(join(manifest.folder, data?.path ?? '', 'file'), 'utf8')).toBe('kept\n');
    expect(manifest.downtime).toMatchObject({ maxMs: 0, windowMs: 0 });
  });

  it.each([
    ['named one after the other', ['cold', 'warm']],
    ['all of the configuration', ['--all']],
  ])('must take a snapshot of each of several instances, %s', async (_name, args) => {
    const states = async () => lasting([...(await cold.ps()), ...(await warm.ps())]);
    const before = await states();
    const earlier = await snapshotsIn(backups);
    const ended = await runTool(args, { cwd: cold.folder });
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(await states()).toEqual(before);
    const made = (await snapshotsIn(backups)).filter((one) => !earlier.includes(one));
    expect(made.map((path) => path.replace(/^.*\/(\w+)-.*$/, '$1'))).toEqual(['cold', 'warm']);
    expect(await leftoversIn(backups)).toEqual([]);
  });
});
