import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { afterMs } from '../../../src/base/wait/heed.ts';
import { neverStill } from '../../../src/docker/api/streams.ts';
import { connectEngine } from '../../../src/docker/dockerode.ts';
import { hangingEngine } from '../../support/hanging-engine.ts';
import { until } from '../../support/until.ts';

const image = `sha256:${'a'.repeat(64)}`;

/** As much of a container as is looked at. */
const container = (more: object) => ({
  ...{ Id: 'x', Name: '/x', Config: more, HostConfig: {}, Mounts: [] },
  State: { Status: 'running' },
});

describe('an engine that hangs', { timeout: 60_000 }, () => {
  it.each(['GET /images', 'POST /containers/create', 'POST /containers/x/attach'])(
    'does not keep a reader that is told to end: %s',
    async (where) => {
      await using hanging = await hangingEngine((call) => {
        if (call.startsWith(where)) return undefined;
        if (call.startsWith('GET /images')) return { body: { Config: {} } };
        if (call === 'POST /containers/create') return { status: 201, body: { Id: 'x' } };
        if (call.startsWith('DELETE')) return { status: 204 };
        return undefined;
      });
      const engine = await connectEngine(hanging.endpoint);
      const abort = new AbortController();
      const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
      const reading = engine.read({ image, command: ['cat'], signal: abort.signal, ...streams });
      reading.catch(() => undefined);
      await until('it hangs', async () => hanging.asked.some((call) => call.startsWith(where)));
      abort.abort();
      await expect(reading).rejects.toMatchObject({ code: 'interrupted' });
      expect(streams.stdin.destroyed).toBe(true);
    },
  );

  it('is not waited for in the middle of a log', async () => {
    await using hanging = await hangingEngine((call, response) => {
      if (call === 'GET /containers/x/json') return { body: container({ Tty: true }) };
      response.write('the first line\n');
      return undefined;
    });
    const engine = await connectEngine(hanging.endpoint);
    const log = neverStill(await engine.logs('x'), 'the log', 200);
    await expect(text(log)).rejects.toMatchObject({ code: 'timeout', details: { unanswered: true } });
  });
});

describe('a length of time that no timer of Node can hold', () => {
  it('does not end at once', async () => {
    const limits = [30 * 86_400_000, 1e15, Number.POSITIVE_INFINITY].map(afterMs);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(limits.map(({ aborted }) => aborted)).toEqual([false, false, false]);
  });

  it('is no reason not to stop a container that may take as long', async () => {
    const stopped = Promise.withResolvers<ServerResponse>();
    await using hanging = await hangingEngine((call, response) => {
      if (call === 'GET /containers/x/json') return { body: container({ StopTimeout: 30 * 86_400 }) };
      stopped.resolve(response);
      return undefined;
    });
    const engine = await connectEngine(hanging.endpoint);
    const stopping = engine.stop('x');
    stopping.catch(() => undefined);
    const response = await stopped.promise;
    await new Promise((resolve) => setTimeout(resolve, 20));
    response.writeHead(204).end();
    await expect(stopping).resolves.toBeUndefined();
  });
});
