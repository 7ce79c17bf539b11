import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, spawnStreaming } from '../../src/base/process.ts';
import { randomName } from './containers.ts';
import { until } from './until.ts';

/**
 * A Docker Engine that nobody else uses, in namespaces of its own (processes, mounts, network): it can be
 * restarted, killed, frozen, and its machine can lose its power. Its files are this machine's, so what it
 * keeps in volumes can be read by their host path.
 */
export interface SecondEngine extends AsyncDisposable {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** Starts the daemon; resolves when it answers. */
  start(): Promise<void>;
  /** Sends the daemon a signal: STOP and CONT freeze and thaw it. */
  signal(name: NodeJS.Signals): void;
  /** Ends the daemon by this signal; resolves when it is gone. Its containers are its own affair. */
  end(name: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Whether containers outlive the daemon (`live-restore`). Takes effect at once. */
  keepContainers(keep: boolean): Promise<void>;
  /** Everything that runs on it is gone from one moment to the next: daemon, containers, their keepers. */
  cutPower(): Promise<void>;
  /** Brings an image of this machine's engine there. */
  load(image: string): Promise<void>;
}

/** In the machine: files that daemons share by name are its own, and whoever loses its parent finds one. */
const boot = `set -e
mount --bind "$1/etc" /etc/docker
mkdir -p /run/containerd
mount -t tmpfs tmpfs /run/containerd
ip link set lo up
echo ready
PATH="$PATH:/usr/libexec/docker" exec docker-init -- cat`;

const childOf = async (pid: number | undefined, name: string): Promise<number | undefined> => {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  for (const child of children.split(' ').filter(Boolean))
    if ((await readFile(`/proc/${child}/comm`, 'utf8').catch(() => '')).trim() === name) return Number(child);
  return undefined;
};

const isOver = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

const ended = async (child: ChildProcess): Promise<void> => {
  if (!isOver(child)) await once(child, 'exit');
};

/** The folders of a control group, in every hierarchy there is. */
const groupsOf = async (parent: string): Promise<readonly string[]> => {
  const root = '/sys/fs/cgroup';
  const places = [root, ...(await readdir(root)).map((name) => join(root, name))];
  const found: string[] = [];
  for (const place of places) {
    const folder = join(place, parent);
    const names = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
    if (names === undefined) continue;
    for (const entry of names) if (entry.isDirectory()) found.push(join(folder, entry.name));
    found.push(folder);
  }
  return found;
};

/** What is frozen does not die when it is killed, before it is thawed. */
const thaw = async (parent: string): Promise<void> => {
  for (const folder of await groupsOf(parent)) {
    await writeFile(join(folder, 'freezer.state'), 'THAWED').catch(() => undefined);
    await writeFile(join(folder, 'cgroup.freeze'), '0').catch(() => undefined);
  }
};

const removeGroups = (parent: string): Promise<true> =>
  until('its control groups are gone', async () => {
    for (const folder of await groupsOf(parent)) await rmdir(folder).catch(() => undefined);
    return (await groupsOf(parent)).length === 0;
  });

const answers = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const asked = request({ socketPath: socket, path: '/_ping', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('error', () => resolve(false)).end();
  });

/** Namespaces that live as long as a process of ours keeps a pipe open. */
const startMachine = async (
  root: string,
): Promise<{ readonly keeper: ChildProcess; readonly init: number }> => {
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const keeper = spawn('unshare', [...namespaces, 'sh', '-c', boot, 'sh', root], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await once(keeper.stdout as NodeJS.ReadableStream, 'data');
  const init = await until('the machine is up', () => childOf(keeper.pid, 'docker-init'));
  return { keeper, init };
};

/** Makes the engine, without an image, and starts it. Disposing of it leaves nothing behind. */
export const secondEngine = async (): Promise<SecondEngine> => {
  const root = await mkdtemp(join(tmpdir(), 'sb-test-engine-'));
  const group = randomName('engine');
  const socket = join(root, 'docker.sock');
  const host = `unix://${socket}`;
  for (const name of ['etc', 'data', 'exec']) await mkdir(join(root, name));
  let machine = await startMachine(root);
  let entry: ChildProcess | undefined;
  let daemon: number | undefined;

  const dockerd = [
    'dockerd',
    ...['--data-root', join(root, 'data'), '--exec-root', join(root, 'exec')],
    ...['--pidfile', join(root, 'docker.pid'), '--host', host],
    ...['--cgroup-parent', `/${group}`, '--exec-opt', 'native.cgroupdriver=cgroupfs'],
  ];
  const start = async (): Promise<void> => {
    const log = await open(join(root, 'log'), 'a');
    const inside = ['--target', String(machine.init), '--net', '--mount', '--pid', '--'];
    const child = spawn('nsenter', [...inside, ...dockerd], { stdio: ['ignore', log.fd, log.fd] });
    entry = child;
    await log.close();
    daemon = await until('the daemon runs', () => childOf(child.pid, 'dockerd'));
    await until('the engine answers', async () => {
      if (isOver(child)) throw new Error(`the engine ended:\n${await readFile(join(root, 'log'), 'utf8')}`);
      return answers(socket);
    });
  };
  const signal = (name: NodeJS.Signals): void => {
    if (daemon === undefined || entry === undefined) throw new Error('there is no daemon');
    process.kill(daemon, name);
    if (name !== 'SIGSTOP') entry.kill('SIGCONT'); // nsenter stops with its child, and does not go on by itself
  };
  const cutPower = async (): Promise<void> => {
    process.kill(machine.init, 'SIGKILL');
    await thaw(group);
    await ended(machine.keeper);
    if (entry !== undefined) await ended(entry);
    await removeGroups(group);
  };
  const remove = async (): Promise<void> => {
    if (!isOver(machine.keeper)) await cutPower();
    await rm(root, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    host,
    start,
    signal,
    end: async (name) => {
      signal(name);
      if (entry !== undefined) await ended(entry);
    },
    keepContainers: async (keep) => {
      await writeFile(join(root, 'etc/daemon.json'), JSON.stringify({ 'live-restore': keep }));
      signal('SIGHUP');
      await until('the engine has read it', async () => {
        const said = await run(['docker', '--host', host, 'info', '--format', '{{.LiveRestoreEnabled}}']);
        return said.stdout.toString('utf8').trim() === String(keep);
      });
    },
    cutPower: async () => {
      await cutPower();
      // Its `/run` is in memory.
      for (const name of ['exec', 'docker.pid', 'docker.sock'])
        await rm(join(root, name), { recursive: true, force: true });
      machine = await startMachine(root);
    },
    load: async (image) => {
      const saved = spawnStreaming(['docker', 'save', image], { env: { DOCKER_HOST: '' } });
      const loaded = await run(['docker', '--host', host, 'load'], { input: saved.stdout });
      const { exitCode, stderr } = await saved.done;
      if (exitCode + loaded.exitCode !== 0)
        throw new Error(`${image} was not loaded: ${stderr}${loaded.stderr}`);
    },
    [Symbol.asyncDispose]: remove,
  };
};
