import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { PathStat } from '../engine.ts';
import { neverStill } from './streams.ts';

/** The bit of a folder in the engine's modes (Go, io/fs, `ModeDir`). */
const folderBit = 2 ** 31;

/** What the engine tells of a path, in a header of its answer. */
export const pathStat = async (container: Docker.Container, path: string): Promise<PathStat> => {
  const answer = (await container.infoArchive({ path })) as IncomingMessage;
  answer.resume();
  const told = String(answer.headers['x-docker-container-path-stat'] ?? '');
  const { mode, size, mtime } = JSON.parse(Buffer.from(told, 'base64').toString('utf8')) as {
    readonly mode: number;
    readonly size: number;
    readonly mtime: string;
  };
  return { isFolder: mode >= folderBit, likeness: `${mode} ${size} ${mtime}` };
};

/** The engine's tar of a path. A stream that stands still for too long fails instead of waiting for ever. */
export const openArchive = async (
  container: Docker.Container,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Readable> => {
  const stream = await container.getArchive({
    path,
    ...(signal === undefined ? {} : { abortSignal: signal }),
  });
  return neverStill(stream as Readable, path);
};

/**
 * Has the engine unpack a tar. What breaks off on this side ends on the other as well: the engine would wait for the
 * rest of it, and nobody could as much as remove the container meanwhile.
 */
export const sendArchive = async (
  container: Docker.Container,
  path: string,
  tar: Readable,
  signal: AbortSignal,
): Promise<void> => {
  const broken = new AbortController();
  tar.once('close', () => {
    if (!tar.readableEnded) broken.abort();
  });
  await container.putArchive(tar, { path, abortSignal: AbortSignal.any([signal, broken.signal]) });
};
