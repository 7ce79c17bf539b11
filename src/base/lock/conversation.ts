import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What the holder of a lock tells whoever asks for it too. */
export interface LockHolder {
  readonly pid: number;
  /** ISO 8601. */
  readonly since: string;
  readonly what: string;
}

/** More askers than that are turned away: they must not use up the descriptors of a run. */
const mostAskers = 64;

/** The holder's end: every asker hears who holds the lock, and hears again when that changes. */
export interface Holding {
  readonly server: Server;
  describe(what: string): void;
  /** The name first, then the askers: who is told that it is free can have it. */
  end(): Promise<void>;
}

/** Not listening yet. It keeps no process alive. */
export const holding = (first: LockHolder): Holding => {
  let holder = first;
  const askers = new Set<Socket>();
  const tell = (socket: Socket): void => void socket.write(`${JSON.stringify(holder)}\n`);
  const server = createServer((socket) => {
    askers.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => askers.delete(socket));
    socket.resume(); // or its end would go unnoticed
    socket.unref();
    tell(socket);
  });
  server.maxConnections = mostAskers;
  return {
    server,
    describe: (what) => {
      holder = { ...holder, what };
      for (const socket of askers) tell(socket);
    },
    end: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of askers) socket.destroy();
      await closed;
    },
  };
};

/** A lock's address can be taken by any program of this machine: what it says may be anything. */
const parsed = (line: string): LockHolder | undefined => {
  try {
    const { pid, since, what } = JSON.parse(line) as Partial<LockHolder>;
    const isSound = Number.isInteger(pid) && typeof since === 'string' && typeof what === 'string';
    return isSound ? ({ pid, since, what } as LockHolder) : undefined;
  } catch {
    return undefined;
  }
};

const longestLine = 4096;

/**
 * The asker's end: `onHolder` hears every word of the holder, until the holder lets go or `signal` aborts.
 * Resolves with whether somebody was there at all. Never rejects.
 */
export const listenToHolder = async (
  address: string,
  onHolder: (holder: LockHolder) => void,
  signal: AbortSignal,
): Promise<boolean> => {
  const socket = connect(address);
  const end = (): void => void socket.destroy();
  signal.addEventListener('abort', end, { once: true });
  let isThere = false;
  let rest = '';
  try {
    await once(socket, 'connect', { signal });
    isThere = true;
    for await (const chunk of socket) {
      const lines = (rest + String(chunk)).slice(-longestLine).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const holder = parsed(line);
        if (holder !== undefined) onHolder(holder);
      }
    }
  } catch {
    // Nobody there, or gone while it spoke: for whoever asks both mean that the lock may be free.
  } finally {
    signal.removeEventListener('abort', end);
    socket.destroy();
  }
  return isThere;
};
