import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { BenchProblem } from './say.ts';

/** What one turn cost, seen from outside. Seconds; bytes. */
export interface Cost {
  readonly wall: number;
  /** User and system time of the whole process tree; the engine's own work is in nobody's. */
  readonly cpu: number;
  /** Bytes of files that the process tree gave to the file system to write, temporary ones too. */
  readonly written: number;
  /** Most memory of the process itself, where it says so (`own-peak.ts`). */
  readonly peak: number | undefined;
}

/** What the command said on stdout, besides. */
export interface Measured extends Cost {
  readonly stdout: string;
}

/**
 * Runs the command and lets the shell say, on descriptor 3, what all its children and theirs have used: the
 * second line of `times` (POSIX), and its own account of input and output, which holds that of the children
 * it waited for (proc(5)). Descriptor 4 is the command's own.
 */
const wrapper = '"$@"; code=$?; times >&3; cat /proc/$$/io >&3; exit $code';

/** Seconds in a line like `0m1.250000s 1m0.120000s`. */
const secondsOf = (line: string): number =>
  [...line.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );

/** Ends a group with TERM and lets it end: the tool first puts the services back. */
const endGroup = (pid: number | undefined): void => {
  if (pid !== undefined) process.kill(-pid, 'SIGTERM');
};

/** Runs one turn of a method and measures it. Rejects when it fails, with what it said. */
export const measure = async (
  command: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<Measured> => {
  signal.throwIfAborted();
  const from = performance.now();
  const child = spawn('sh', ['-c', wrapper, 'sh', ...command], {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  const end = (): void => endGroup(child.pid);
  signal.addEventListener('abort', end, { once: true });
  const exited = once(child, 'exit').then(([code]) => ({
    code: code as number | null,
    at: performance.now(),
  }));
  const streams = child.stdio.slice(1) as unknown as readonly Readable[];
  try {
    const [{ code, at }, said] = await Promise.all([exited, Promise.all(streams.map((one) => text(one)))]);
    signal.throwIfAborted();
    const [stdout = '', stderr = '', times = '', peak = ''] = said;
    if (code !== 0)
      throw new BenchProblem(`${command.join(' ')} ended with exit code ${code}`, [stdout + stderr]);
    return {
      wall: (at - from) / 1000,
      cpu: secondsOf(times.split('\n')[1] ?? ''),
      written: Number(/^write_bytes: (\d+)$/m.exec(times)?.[1]),
      peak: peak === '' ? undefined : Number(peak) * 1024,
      stdout,
    };
  } finally {
    signal.removeEventListener('abort', end);
  }
};
