import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, StackBackupError } from './errors.ts';

/** What the holder of a lock tells whoever asks for it too. */
interface LockHolder {
  readonly pid: number;
  /** ISO 8601. */
  readonly since: string;
  readonly what: string;
}

export interface Lock extends AsyncDisposable {
  /** Changes what is told to others. */
  describe(what: string): void;
}

/**
 * On Linux a socket in the abstract name space: the kernel frees it the moment its process is gone, however
 * it went, so that there is never a stale lock to delete. Elsewhere a socket file; nobody answering proves
 * it stale.
 */
const addressOf = (name: string): string => {
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 32);
  return process.platform === 'linux'
    ? `\0stack-backup/${digest}`
    : join(tmpdir(), `stack-backup-${digest}.sock`);
};

const askHolder = async (address: string): Promise<LockHolder | undefined> => {
  const socket = connect(address);
  socket.setTimeout(2_000, () => socket.destroy(new Error('the holder of the lock does not answer')));
  let said = '';
  try {
    for await (const chunk of socket) said += String(chunk);
    return JSON.parse(said) as LockHolder;
  } catch {
    return undefined;
  }
};

const listen = async (server: Server, address: string): Promise<void> => {
  server.listen(address);
  await once(server, 'listening');
};

const lockedError = (name: string, holder: LockHolder | undefined): StackBackupError =>
  new StackBackupError(
    'locked',
    holder === undefined
      ? `another run holds the lock of ${name}`
      : `${name} is in the hands of another run: pid ${holder.pid}, since ${holder.since}, ${holder.what}`,
    {
      next: 'Wait for that run to end, then try again; the lock goes with its process.',
      ...(holder === undefined ? {} : { details: { ...holder } }),
    },
  );

/**
 * Takes the lock `name` for this process. Rejects with `locked`, telling who holds it, since when and at
 * what. Released by disposal or by the end of the process.
 */
export const acquireLock = async (name: string, shown: string, since: Date): Promise<Lock> => {
  const address = addressOf(name);
  const holder = { pid: process.pid, since: since.toISOString(), what: 'starting' };
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(JSON.stringify(holder));
  });
  try {
    await listen(server, address);
  } catch (error) {
    if (errnoOf(error) !== 'EADDRINUSE') throw error;
    const other = await askHolder(address);
    if (other !== undefined || process.platform === 'linux') throw lockedError(shown, other);
    await rm(address, { force: true });
    await listen(server, address);
  }
  server.unref();
  return {
    describe: (what) => {
      holder.what = what;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
};
