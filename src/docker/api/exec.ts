import { randomUUID } from 'node:crypto';
import type { Duplex, Readable } from 'node:stream';
import type Docker from 'dockerode';
import { errnoOf, StackBackupError } from '../../base/errors.ts';
import { signalMarked } from '../../base/process/marked.ts';
import { heeding } from '../../base/wait/heed.ts';
import type { ExecRequest } from '../engine.ts';
import { demultiplex } from './demux.ts';

const markerName = 'STACK_BACKUP_EXEC';
/** How long a process in a container may take to end after TERM before it is killed. */
const graceMs = 2_000;
/** How long the engine may take for a word of its own, ms; how long the process takes is not its concern. */
const answerMs = 60_000;

const inTime = <T>(work: () => Promise<T>): Promise<T> => heeding(AbortSignal.timeout(answerMs), work);

/**
 * Ends, in the container's own shell, everything that carries the marker in its environment. It reaches
 * the children too, and needs no more than `sh`, `tr` and `grep`.
 */
const endInside = `for p in /proc/[0-9]*; do
  tr '\\0' '\\n' <"$p/environ" 2>/dev/null | grep -qxF "$1" && kill "-$2" "\${p#/proc/}" 2>/dev/null
done; true`;

const endInContainer = async (container: Docker.Container, marker: string, signal: string): Promise<void> => {
  const abortSignal = AbortSignal.timeout(10_000);
  await heeding(abortSignal, async () => {
    const exec = await container.exec({
      Cmd: ['sh', '-c', endInside, 'sh', marker, signal],
      User: '0',
      AttachStdout: true,
      AttachStderr: true,
    });
    const output = await exec.start({ abortSignal });
    await demultiplex(output, {});
  });
};

/** Ends an exec'd process tree: TERM, and KILL after a grace time. Closing the stream alone leaves it running. */
const endProcess = async (
  container: Docker.Container,
  marker: string,
  local: boolean,
  isOver: Promise<unknown>,
) => {
  const send = async (signal: 'TERM' | 'KILL'): Promise<void> => {
    if (local && (await signalMarked(marker, `SIG${signal}`)) > 0) return;
    await endInContainer(container, marker, signal);
  };
  await send('TERM').catch(() => undefined);
  const timer = new Promise((resolve) => setTimeout(resolve, graceMs, 'late'));
  if (
    (await Promise.race([
      isOver.then(
        () => 'over',
        () => 'over',
      ),
      timer,
    ])) === 'late' ||
    local
  )
    await send('KILL').catch(() => undefined);
};

/**
 * Runs a process in a running container and resolves with its exit code. Output goes to the request's
 * streams with back-pressure. On abort the process inside is ended too, and the call rejects `interrupted`.
 */
export const execIn = async (
  container: Docker.Container,
  request: ExecRequest,
  local: boolean,
): Promise<number> => {
  const marker = `${markerName}=${randomUUID()}`;
  const exec = await inTime(() =>
    container.exec({
      Cmd: [...request.command],
      Env: [...(request.env ?? []), marker],
      AttachStdin: request.stdin !== undefined,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      ...(request.user === undefined ? {} : { User: request.user }),
      ...(request.workingDir === undefined ? {} : { WorkingDir: request.workingDir }),
      ...(request.privileged === undefined ? {} : { Privileged: request.privileged }),
    }),
  );
  request.signal?.throwIfAborted();
  const stdin = request.stdin;
  const stream = (await inTime(() =>
    exec.start(stdin === undefined ? {} : { hijack: true, stdin: true }),
  )) as Duplex;
  const reading = readAll(stream, request);
  if (stdin !== undefined) {
    stdin.on('error', (error) => stream.destroy(error));
    stdin.pipe(stream);
  }
  let ending: Promise<void> | undefined;
  const onAbort = (): void => {
    ending ??= endProcess(container, marker, local, reading).finally(() => stream.destroy());
  };
  request.signal?.addEventListener('abort', onAbort, { once: true });
  if (request.signal?.aborted === true) onAbort();
  try {
    await reading;
    stdin?.destroy();
    if (ending === undefined) return await exitCodeOf(exec);
    throw new StackBackupError('interrupted', 'the process in the container was ended');
  } catch (error) {
    if (ending !== undefined)
      throw new StackBackupError('interrupted', 'the process in the container was ended', { cause: error });
    throw error;
  } finally {
    request.signal?.removeEventListener('abort', onAbort);
    await ending;
    request.stdout?.end();
    request.stderr?.end();
  }
};

/**
 * Reads all output. A process that has seen enough of its input may end early: the engine then resets the
 * connection behind the last byte of output, which is an end like any other. Its exit code decides.
 */
const readAll = async (stream: Duplex, request: ExecRequest): Promise<void> => {
  try {
    await demultiplex(stream as Readable, request);
  } catch (error) {
    const errno = errnoOf(error);
    if (request.stdin === undefined || (errno !== 'EPIPE' && errno !== 'ECONNRESET')) throw error;
  }
};

const exitCodeOf = async (exec: Docker.Exec): Promise<number> => {
  const ended = await inTime(() => exec.inspect());
  if (ended.ExitCode === null || ended.Running)
    throw new StackBackupError('engine-failed', 'the engine closed the stream of a process that still runs', {
      next: 'Look into the log of the Docker daemon; then run the command again.',
    });
  return ended.ExitCode;
};
