import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Duration, formatDuration } from './duration.ts';
import { errnoOf, StackBackupError } from './errors.ts';
import { holding, type LockHolder, listenToHolder } from './lock/conversation.ts';
import { afterMs } from './wait/heed.ts';

export type { LockHolder } from './lock/conversation.ts';

export interface Lock extends AsyncDisposable {
  /** Changes what is told to others. */
  describe(what: string): void;
}

/** How to wait for a lock that somebody holds. */
export interface Waiting {
  /** When it is over the lock is given up. 0 = at once. */
  readonly limitMs: Duration;
  /** Ends the waiting; the call rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Hears who holds it, once and again whenever the holder comes to something else. */
  readonly onHolder?: (holder: LockHolder) => void;
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

/** How long a holder may take to say who it is: one that is stopped (SIGSTOP) says nothing. */
const answerMs = 2_000;
/** Between two tries where nobody can be waited for: the holder turns askers away, or is on its way out. */
const againMs = 100;

/** The holder, if there is one that says so. */
const askHolder = async (address: string): Promise<LockHolder | undefined> => {
  const heard = new AbortController();
  let holder: LockHolder | undefined;
  const onHolder = (one: LockHolder): void => {
    holder = one;
    heard.abort();
  };
  await listenToHolder(address, onHolder, AbortSignal.any([heard.signal, AbortSignal.timeout(answerMs)]));
  return holder;
};

const listen = async (server: Server, address: string): Promise<void> => {
  server.listen(address);
  await once(server, 'listening');
};

/** False when somebody else has it. A socket file that nobody answers behind is stale, and replaced. */
const tryListen = async (server: Server, address: string): Promise<boolean> => {
  try {
    await listen(server, address);
  } catch (error) {
    if (errnoOf(error) !== 'EADDRINUSE') throw error;
    if (process.platform === 'linux' || (await askHolder(address)) !== undefined) return false;
    await rm(address, { force: true });
    await listen(server, address);
  }
  return true;
};

const lockedError = (name: string, holder: LockHolder | undefined, waitedMs: Duration): StackBackupError => {
  const who =
    holder === undefined
      ? `another run holds the lock of ${name}`
      : `${name} is in the hands of another run: pid ${holder.pid}, since ${holder.since}, ${holder.what}`;
  return new StackBackupError(
    'locked',
    waitedMs > 0 ? `${who}; waited ${formatDuration(waitedMs)} in vain` : who,
    {
      next: 'Wait for that run to end (`--wait 10m` does), then try again; the lock goes with its process.',
      ...(holder === undefined ? {} : { details: { ...holder } }),
    },
  );
};

/**
 * Tries until the lock is free or the time is over. It does not poll: the holder keeps the asker's
 * connection open, and its end says that the lock is free. Of several that wait any may be next.
 */
const waitForLock = async (
  server: Server,
  address: string,
  shown: string,
  { limitMs, signal, onHolder }: Waiting,
): Promise<void> => {
  const over = afterMs(limitMs);
  const end = signal === undefined ? over : AbortSignal.any([over, signal]);
  let holder: LockHolder | undefined;
  const hear = (one: LockHolder): void => {
    holder = one;
    onHolder?.(one);
  };
  while (!(await tryListen(server, address))) {
    const since = performance.now();
    await listenToHolder(address, hear, end);
    signal?.throwIfAborted();
    if (over.aborted) throw lockedError(shown, holder, limitMs);
    if (performance.now() - since < againMs) await pause(againMs);
  }
};

/**
 * Takes the lock `name` for this process. Rejects with `locked`, telling who holds it, since when and at
 * what: at once, or after having waited. Released by disposal or by the end of the process.
 */
export const acquireLock = async (
  name: string,
  shown: string,
  since: Date,
  waiting: Waiting = { limitMs: 0 },
): Promise<Lock> => {
  const address = addressOf(name);
  const { server, describe, end } = holding({
    pid: process.pid,
    since: since.toISOString(),
    what: 'starting',
  });
  if (waiting.limitMs > 0) await waitForLock(server, address, shown, waiting);
  else if (!(await tryListen(server, address))) throw lockedError(shown, await askHolder(address), 0);
  server.unref();
  return { describe, [Symbol.asyncDispose]: end };
};

/** Whether some process holds the lock `name` now. */
export const isLocked = (name: string): Promise<boolean> => {
  const heard = new AbortController();
  const end = AbortSignal.any([heard.signal, AbortSignal.timeout(answerMs)]);
  return listenToHolder(addressOf(name), () => heard.abort(), end);
};
