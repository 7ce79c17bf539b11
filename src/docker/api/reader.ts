import { hostname } from 'node:os';
import type { Duplex, Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type Docker from 'dockerode';
import { isAlive, ownIdentity } from '../../base/clock.ts';
import { errnoOf, StackBackupError } from '../../base/errors.ts';
import { heeding } from '../../base/wait/heed.ts';
import type { ReaderRequest } from '../engine.ts';
import { demultiplex } from './demux.ts';

/** Says which process a reader is of, so that it is found when that one was killed. */
const readerLabel = 'io.stack-backup.reader';

/** How long the engine may take for a word of its own, ms; how long the program takes is not its concern. */
const answerMs = 60_000;
/** How long it may take to make a container that nobody wants any more, and to kill and remove one, ms. */
const makingMs = 1_000;
const removalMs = 60_000;

interface Owner {
  readonly host: string;
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
}

const ownLabel = (): string => JSON.stringify({ host: hostname(), ...ownIdentity() } satisfies Owner);

/** Its process ran on this machine and does not any more. Of another machine's nothing is known. */
const isOfDead = (label: string | undefined): boolean => {
  try {
    const owner = JSON.parse(label ?? '') as Owner;
    return owner.host === hostname() && !isAlive(owner);
  } catch {
    return false;
  }
};

const status = (error: unknown): number | undefined => (error as { readonly statusCode?: number }).statusCode;

/** Removes it, and waits where the engine is at that already. Gone is success. `v`: its anonymous volumes, too. */
export const removeContainer = async (container: Docker.Container, { v } = { v: true }): Promise<void> => {
  try {
    await container.remove({ force: true, v });
  } catch (error) {
    if (status(error) === 404) return;
    if (status(error) !== 409) throw error;
    await container.wait({ condition: 'removed' }).catch(() => undefined);
  }
};

/**
 * What untrusted bytes are read in: no network, nothing mounted, nothing that can be written to, no rights. The
 * engine removes it by itself when it ends, and it ends when its input does: also when this process is killed.
 */
const settingsOf = async (docker: Docker, { image, command }: ReaderRequest) => {
  const { Config } = await docker.getImage(image).inspect();
  const [program, ...args] = command;
  return {
    Image: image,
    Entrypoint: [program as string],
    Cmd: args,
    User: '65534:65534',
    WorkingDir: '/',
    Labels: { [readerLabel]: ownLabel() },
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    StdinOnce: true,
    NetworkDisabled: true,
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      AutoRemove: true,
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 64,
      Memory: 512 * 1024 * 1024,
      LogConfig: { Type: 'none', Config: {} },
      // What the image declares would become anonymous volumes.
      Tmpfs: Object.fromEntries(Object.keys(Config.Volumes ?? {}).map((path) => [path, 'size=1m'])),
    },
  };
};

/** A program that has seen enough of its input ends early: the rest of it goes nowhere. */
const readAll = async (stream: Duplex, request: ReaderRequest): Promise<void> => {
  try {
    await demultiplex(stream as Readable, request);
  } catch (error) {
    if (!['EPIPE', 'ECONNRESET'].includes(errnoOf(error) ?? '')) throw error;
  }
};

/** Makes the container, lets the program read, and resolves with its exit code. `made` is told of the container. */
const readIn = async (
  docker: Docker,
  request: ReaderRequest,
  made: (container: Promise<Docker.Container>) => void,
): Promise<number> => {
  const { signal, stdin } = request;
  const soon = <T>(work: () => Promise<T>): Promise<T> =>
    heeding(AbortSignal.any([signal, AbortSignal.timeout(answerMs)]), work);
  let stream: Duplex | undefined;
  const end = (): void => void stream?.destroy();
  stdin.on('error', end);
  try {
    const settings = await soon(() => settingsOf(docker, request));
    const making = docker.createContainer(settings);
    made(making);
    const container = await soon(() => making);
    const attached = { stream: true, hijack: true, stdin: true, stdout: true, stderr: true };
    stream = (await soon(() => container.attach(attached))) as Duplex;
    signal.addEventListener('abort', end, { once: true });
    signal.throwIfAborted(); // it may have come before
    const exit = container.wait({ condition: 'next-exit' }) as Promise<{ readonly StatusCode: number }>;
    exit.catch(() => undefined);
    await soon(() => container.start());
    stdin.pipe(stream);
    stream.on('error', () => stdin.destroy());
    await readAll(stream, request);
    return (await soon(() => exit)).StatusCode;
  } finally {
    signal.removeEventListener('abort', end);
    stdin.destroy();
    stream?.destroy();
  }
};

/** What is still being made is removed when it is there; an engine that hangs is not waited for. */
const removeSoon = async (making: Promise<Docker.Container>): Promise<void> => {
  const removed = making.then((container) => removeContainer(container));
  removed.catch(() => undefined);
  const isThere = await Promise.race([making.then(() => true), pause(makingMs, false, { ref: false })]);
  if (isThere) await heeding(AbortSignal.timeout(removalMs), () => removed);
};

/**
 * Runs a program of an image that is on the engine in a throw-away container, and resolves with its exit code.
 * Whatever comes of it, the container is gone afterwards; where the engine hangs, `removeDeadReaders` finds it.
 */
export const runReader = async (docker: Docker, request: ReaderRequest): Promise<number> => {
  let making: Promise<Docker.Container> | undefined;
  let exitCode: number;
  try {
    exitCode = await readIn(docker, request, (container) => {
      making = container;
    });
  } catch (error) {
    // Why it failed counts, not that it cannot be removed either.
    if (making !== undefined) await removeSoon(making).catch(() => undefined);
    if (request.signal.aborted)
      throw new StackBackupError('interrupted', 'the program in the container was ended', { cause: error });
    throw error;
  }
  if (making !== undefined) await removeSoon(making);
  return exitCode;
};

/** Removes the readers of processes of this machine that are gone. */
export const removeDeadReaders = async (docker: Docker): Promise<void> => {
  const found = await docker.listContainers({ all: true, filters: { label: [readerLabel] } });
  for (const { Id, Labels } of found)
    if (isOfDead(Labels[readerLabel])) await removeContainer(docker.getContainer(Id));
};
