import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { run } from '../../../src/base/process.ts';
import { docker, randomName } from '../containers.ts';

/** Tries to connect to each place, from Python in a container. All at once: what is closed takes its time. */
const probe = `import socket, sys
from concurrent.futures import ThreadPoolExecutor
def ask(place):
    host, port = place.rsplit(':', 1)
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
        return 'open'
    except OSError:
        return 'closed'
with ThreadPoolExecutor(16) as pool:
    print('\\n'.join(pool.map(ask, sys.argv[1:])))`;

/** Which of these places (`host:port`) can be reached from a container: `open` or `closed` for each. */
export const reachFrom = async (
  container: string,
  places: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> => {
  const said = await docker('exec', container, 'python3', '-c', probe, ...Object.values(places));
  const answers = said.split('\n');
  return Object.fromEntries(Object.keys(places).map((name, at) => [name, answers[at] ?? 'nothing']));
};

/** Something that listens on every address of this machine. */
export const hostListener = async (): Promise<{ readonly port: number } & AsyncDisposable> => {
  const server = createServer((socket) => socket.end()).listen(0, '0.0.0.0');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
};

const ip = async (...args: readonly string[]): Promise<void> => {
  const ended = await run(['ip', ...args]);
  if (ended.exitCode !== 0) throw new Error(`ip ${args.join(' ')} failed: ${ended.stderr}`);
};

const listening = `require('node:net').createServer((s) => s.end()).listen(7, () => console.log('ready'))`;

/** A machine that is not this one, as far as networks can tell, and that listens: its address. */
export const outsideMachine = async (): Promise<{ readonly place: string } & AsyncDisposable> => {
  const name = `sb${randomBytes(4).toString('hex')}`;
  const net = `10.231.${randomBytes(1)[0]}`;
  const inside = (...args: readonly string[]) => ip('netns', 'exec', name, ...args);
  await ip('netns', 'add', name);
  const remove = async (): Promise<void> => {
    listener?.kill('SIGKILL');
    await ip('netns', 'delete', name);
  };
  let listener: ReturnType<typeof spawn> | undefined;
  try {
    await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    await ip('address', 'add', `${net}.1/24`, 'dev', name);
    await ip('link', 'set', name, 'up');
    await inside('ip', 'address', 'add', `${net}.2/24`, 'dev', 'eth0');
    await inside('ip', 'link', 'set', 'eth0', 'up');
    await inside('ip', 'route', 'add', 'default', 'via', `${net}.1`);
    listener = spawn('ip', ['netns', 'exec', name, process.execPath, '-e', listening], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (listener.stdout !== null) await once(listener.stdout, 'data');
  } catch (error) {
    await remove();
    throw error;
  }
  return { place: `${net}.2:7`, [Symbol.asyncDispose]: remove };
};

/**
 * A container of the image in a network that is internal and no more, so that its bridge has an address: what a
 * sandbox would be without the drill's own closing of it.
 */
export const inInternalNetwork = async (image: string) => {
  const name = randomName('internal');
  await docker('network', 'create', '--internal', '--label', 'io.stack-backup.test=1', name);
  const remove = async (): Promise<void> => {
    await docker('rm', '-f', name).catch(() => undefined);
    await docker('network', 'rm', name);
  };
  try {
    await docker('run', '-d', '--name', name, '--network', name, image, 'sleep', 'infinity');
    return { container: name, gateway: await gatewayOf(name), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
};

/** The address that a network's gateway has, or would have. */
export const gatewayOf = (network: string): Promise<string> =>
  docker('network', 'inspect', '--format', '{{(index .IPAM.Config 0).Gateway}}', network);
