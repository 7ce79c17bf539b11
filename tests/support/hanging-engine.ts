import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { removeTree } from '../../src/base/disk.ts';
import type { Endpoint } from '../../src/docker/endpoint.ts';
import { temporaryFolder } from './temporary.ts';

/** What it says to a call; undefined: nothing, ever. */
type Answer = { readonly status?: number; readonly body?: unknown } | undefined;

export interface HangingEngine extends AsyncDisposable {
  /** Nobody else's: locks are those of an engine, and hold on the whole machine. */
  readonly id: string;
  readonly endpoint: Endpoint;
  /** `GET /containers/x/json`, in the order in which they came. */
  readonly asked: readonly string[];
}

/** What an engine says of itself. */
const itself = (id: string): Readonly<Record<string, unknown>> => ({
  'GET /info': { ID: id, Name: 'elsewhere', KernelVersion: '0', DockerRootDir: '/' },
  'GET /version': { ApiVersion: '1.51', Version: '28.0.0' },
});

/**
 * A socket that takes every call and answers a few: a real engine hangs where it likes, not where a test needs it.
 * `answer` is asked for all but what the engine is; it may also keep the response, and answer when it likes.
 */
export const hangingEngine = async (
  answer: (call: string, response: ServerResponse) => Answer,
): Promise<HangingEngine> => {
  const folder = await temporaryFolder('engine');
  const asked: string[] = [];
  const id = randomUUID();
  const known = itself(id);
  const server = createServer((request, response) => {
    const call = `${request.method} ${request.url?.split('?')[0]}`;
    asked.push(call);
    request.resume();
    const said = call in known ? { body: known[call] } : answer(call, response);
    if (said === undefined) return;
    response.statusCode = said.status ?? 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(said.body ?? ''));
  });
  const socketPath = join(folder, 'docker.sock');
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    id,
    endpoint: { address: `unix://${socketPath}`, options: { socketPath } },
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await removeTree(folder);
    },
  };
};
