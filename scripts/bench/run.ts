import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { BenchProblem } from './say.ts';

export interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Ends the whole process group with TERM. What cleans up is given none. */
  readonly signal?: AbortSignal;
  readonly cwd?: string;
}

/**
 * Runs a program in a process group of its own: a Ctrl-C on the terminal reaches the benchmark alone, which
 * then decides what ends and what is cleaned up. Rejects when it fails, with what it said.
 */
export const run = async (command: readonly string[], { signal, cwd }: RunOptions = {}): Promise<Said> => {
  signal?.throwIfAborted();
  const [file = '', ...args] = command;
  const child = spawn(file, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = (): void => void (child.pid !== undefined && process.kill(-child.pid, 'SIGTERM'));
  signal?.addEventListener('abort', end, { once: true });
  const ended = Promise.withResolvers<number | null>();
  child.once('error', ended.reject);
  child.once('close', ended.resolve);
  try {
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended.promise]);
    signal?.throwIfAborted();
    if (code === 0) return { stdout, stderr };
    throw new BenchProblem(`${command.join(' ')} ended with exit code ${code}`, [stderr.trim()]);
  } finally {
    signal?.removeEventListener('abort', end);
  }
};
