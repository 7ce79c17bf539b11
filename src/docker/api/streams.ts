import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import type Docker from 'dockerode';
import { StackBackupError } from '../../base/errors.ts';
import type { EngineEvent } from '../engine.ts';

/** The lines of a stream, without their ends. */
export async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line.trim() !== '');
  }
  if (rest.trim() !== '') yield rest;
}

/** How long a stream of the engine may stand still, ms: somebody waits for it, perhaps with services down. */
const stallLimit = 5 * 60_000;

/** The same stream. When it stands still for too long it fails instead of waiting for ever; `what` it is of. */
export const neverStill = (stream: Readable, what: string, limitMs = stallLimit): Readable => {
  const message = stream as IncomingMessage;
  message.setTimeout(limitMs, () =>
    message.destroy(
      new StackBackupError('timeout', `the engine sent nothing more of ${what}`, {
        next: 'Look whether the Docker daemon is hung (`docker info`) or its disk fails; then run it again.',
        details: { unanswered: true },
      }),
    ),
  );
  return stream;
};

/** One readable of both streams of a container's log, with back-pressure. */
export const logStream = (
  raw: Readable,
  demultiplex: (source: Readable, sinks: { stdout: Writable; stderr: Writable }) => Promise<void>,
): Readable => {
  const out = new PassThrough();
  demultiplex(raw, { stdout: out, stderr: out }).then(
    () => out.end(),
    (error) => out.destroy(error),
  );
  return out;
};

/**
 * The log up to now, as a stream. dockerode's own call gives a stream only with `follow`, which waits for a
 * next line that an idle service never writes, and else the whole log in memory.
 */
export const openLog = (docker: Docker, id: string): Promise<Readable> =>
  new Promise((resolve, reject) => {
    const request = {
      path: `/containers/${id}/logs?`,
      method: 'GET',
      isStream: true,
      statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
      options: { stdout: true, stderr: true, timestamps: true },
    };
    const modem = docker.modem as {
      dial(asked: object, done: (error: unknown, data: Readable) => void): void;
    };
    modem.dial(request, (error, data) => (error ? reject(error) : resolve(data)));
  });

/** A line of the engine's stream of events. */
export const eventOf = (line: string): EngineEvent => {
  const said = JSON.parse(line) as {
    Action?: string;
    status?: string;
    Actor?: { ID?: string };
    timeNano?: number;
  };
  return {
    action: said.Action ?? said.status ?? '',
    containerId: said.Actor?.ID ?? '',
    timeNano: BigInt(said.timeNano ?? 0),
  };
};
