import { once } from 'node:events';
import { chmod, chown, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BadInput, Bench } from '../../support/bad-input.ts';

/** Root without the right to pass over permissions: what a socket's mode says counts. */
const ordinary = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'];

const answer =
  (answers: Readonly<Record<string, unknown>>): RequestListener =>
  (request, response) => {
    const path = (request.url ?? '').replace(/^\/v[\d.]+/, '').replace(/\?.*/, '');
    const body = answers[path];
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? { message: 'page not found' }));
  };

describe('an engine that cannot be used', () => {
  let bench: Bench;
  const servers: Server[] = [];
  const socket = (name: string): string => join(bench.stack.folder, name);
  const at = (name: string) => ({ DOCKER_HOST: `unix://${socket(name)}` });
  const serve = async (server: Server, name: string): Promise<void> => {
    servers.push(server.listen(socket(name)));
    await once(server, 'listening');
  };

  beforeAll(async () => {
    bench = await Bench.open();
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await bench?.[Symbol.asyncDispose]();
  });

  const refuses = (bad: Omit<BadInput, 'what' | 'exit'>) => bench.refuses({ what: '', exit: 1, ...bad });

  it('none at all: no socket', () =>
    refuses({
      env: at('none.sock'),
      code: 'engine-unreachable',
      says: ['no Docker Engine answers at unix://@/none.sock (ENOENT)'],
      next: 'Start the Docker daemon, or point DOCKER_HOST or the docker context at a running one.',
    }));

  it('none any more: nobody listens at the socket', async () => {
    // A daemon that was killed leaves its socket: a file that is no socket at all refuses in the same way.
    await writeFile(socket('dead.sock'), '');
    await refuses({
      env: at('dead.sock'),
      code: 'engine-unreachable',
      says: ['no Docker Engine answers at unix://@/dead.sock (ECONNREFUSED)'],
      next: 'Start the Docker daemon',
    });
  });

  it('an address that is none', () =>
    refuses({
      env: { DOCKER_HOST: 'not an address' },
      code: 'engine-unreachable',
      says: [`the engine's address not an address cannot be used`],
      next: 'Check DOCKER_HOST, DOCKER_CERT_PATH and `docker context ls`.',
    }));

  it('somebody else’s socket', async () => {
    await serve(createServer(), 'theirs.sock');
    await chmod(socket('theirs.sock'), 0o600);
    await chown(socket('theirs.sock'), 65534, 65534);
    await refuses({
      env: at('theirs.sock'),
      through: ordinary,
      code: 'engine-denied',
      says: ['no permission to talk to the engine at unix://@/theirs.sock'],
      next: 'Run as root, or as a user who may use the Docker socket.',
    });
  });

  it('one that is too old', async () => {
    const old = {
      '/info': { ID: 'old', Name: 'old' },
      '/version': { Version: '18.06.1', ApiVersion: '1.30' },
    };
    await serve(createHttpServer(answer(old)), 'old.sock');
    await refuses({
      env: at('old.sock'),
      code: 'engine-too-old',
      says: ['the engine at unix://@/old.sock is 18.06.1 (API 1.30); API 1.41 is needed'],
      next: 'Upgrade to Docker Engine 20.10 or newer.',
    });
  });

  it.each([
    [
      'no HTTP',
      'ssh.sock',
      () => createServer((connection) => connection.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n')),
    ],
    ['HTTP, but is no engine', 'web.sock', () => createHttpServer(answer({ '/info': {}, '/version': {} }))],
  ])('something that speaks %s', async (_what, name, server) => {
    await serve(server(), name);
    await refuses({
      env: at(name),
      code: 'engine-unreachable',
      says: [`what answers at unix://@/${name} is no Docker Engine`],
      next: 'Point DOCKER_HOST or the docker context at a running Docker daemon.',
    });
  });

  it('is what doctor says, with exit code 1, and with 0 where all is well', async () => {
    const bad = await bench.run({ args: ['doctor'], env: at('none.sock') });
    expect(bad).toMatchObject({ exitCode: 1, stderr: '' });
    expect(bad.stdout).toMatch(/^MISSING Docker Engine +no Docker Engine answers at .*none\.sock/m);
    expect(bad.stdout).toContain('Start the Docker daemon');

    const good = await bench.run({ args: ['doctor', '--json'] });
    expect(good).toMatchObject({ exitCode: 0, stderr: '' });
    const findings = JSON.parse(good.stdout) as { name: string; state: string }[];
    const states = Object.fromEntries(findings.map(({ name, state }) => [name, state]));
    expect(states).toMatchObject({ 'Docker Engine': 'good', 'host paths': 'good', 'Compose v2': 'good' });
  });
});
