import type { Readable } from 'node:stream';
import { ExecaError, execa, type ResultPromise } from 'execa';
import { formatDuration } from './duration.ts';
import { StackBackupError } from './errors.ts';
import { cutAfterEnd } from './process/linger.ts';
import { signalMarked } from './process/marked.ts';
import type { Pace } from './process/pace.ts';

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds until the whole process group is ended. */
  readonly timeoutMs?: number;
  readonly input?: string | Uint8Array | Readable;
  /** Added to this process' own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** `env` is all there is: nothing of this process' own. */
  readonly bare?: boolean;
  /** `NAME=value` out of `env`, of this process alone: when it is ended, so is whatever has left its group. */
  readonly marker?: string;
  readonly cwd?: string;
  /** Bytes of stdout and of stderr that are kept; the process is ended, and the call fails, when it writes more. */
  readonly maxBuffer?: number;
  /** How fast it may read. */
  readonly pace?: Pace;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** It ended, but left a process behind that held its output open: what that one wrote later is not here. */
  readonly cut: boolean;
}

/** How long a process may take to end after TERM before it is killed. */
const graceMs = 3_000;

/**
 * Ends a whole process group: TERM, then KILL when the leader is still there after the grace time. The
 * child leads its own group (`detached`), so its children go with it, and a Ctrl-C on the terminal reaches
 * this program alone: what ends when is decided in one place. Those with the marker are killed at the same
 * moment: what has made itself a session of its own would hold the output open.
 */
const endGroup = (pid: number, marker: string | undefined): void => {
  const signalGroup = (name: NodeJS.Signals): boolean => {
    try {
      return process.kill(-pid, name);
    } catch {
      return false; // the group is gone
    }
  };
  const kill = (): void => {
    signalGroup('SIGKILL');
    if (marker !== undefined) void signalMarked(marker, 'SIGKILL');
  };
  if (signalGroup('SIGTERM')) setTimeout(kill, graceMs).unref();
};

const start = (command: readonly string[], options: RunOptions, buffer: boolean): ResultPromise => {
  const [file, ...args] = command;
  if (file === undefined) throw new StackBackupError('internal', 'an empty command was to be run');
  const input = options.input;
  return execa(file, args, {
    reject: false,
    detached: true,
    cleanup: true,
    encoding: 'buffer',
    stripFinalNewline: false,
    buffer: buffer ? true : { stdout: false, stderr: true },
    maxBuffer: options.maxBuffer ?? 64 * 1024 * 1024,
    ...(options.env === undefined ? {} : { env: options.env }),
    extendEnv: options.bare !== true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
  }) as unknown as ResultPromise;
};

/** Watches the abort signal and the time limit of a child; tells afterwards which of them ended it. */
const guard = (child: ResultPromise, options: RunOptions) => {
  let ended: 'interrupted' | 'timeout' | undefined;
  const pacing = options.pace?.follow(child.pid);
  const end = (why: 'interrupted' | 'timeout'): void => {
    ended ??= why;
    if (child.pid !== undefined) endGroup(child.pid, options.marker);
    pacing?.[Symbol.dispose](); // a process that is stopped does not hear that it has to end
  };
  const onAbort = (): void => end('interrupted');
  if (options.signal?.aborted) onAbort();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const timer =
    options.timeoutMs === undefined ? undefined : setTimeout(() => end('timeout'), options.timeoutMs);
  return {
    why: () => ended,
    release: (): void => {
      pacing?.[Symbol.dispose]();
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    },
  };
};

const settle = async (
  command: readonly string[],
  options: RunOptions,
  child: ResultPromise,
): Promise<RunResult> => {
  const watch = guard(child, options);
  const isCut = cutAfterEnd(child.nodeChildProcess);
  try {
    const result = await child;
    const name = command[0] ?? '';
    const why = watch.why();
    if (why === 'timeout')
      throw new StackBackupError(
        'timeout',
        `${name} did not end within ${formatDuration(options.timeoutMs ?? 0)} and was ended`,
        {
          next: `Find out what ${name} waits for (a slow disk, the network, a lock), then run the command again.`,
        },
      );
    if (why === 'interrupted') throw new StackBackupError('interrupted', `${name} was interrupted`);
    // It may have ended well all the same, and what is here looks like all that it said.
    if (result instanceof ExecaError && result.isMaxBuffer)
      throw new StackBackupError('internal', `${name} said more than can be kept of it`, {
        cause: result,
        next: `Run ${name} by hand to see what it has to say.`,
      });
    if (result instanceof ExecaError && result.exitCode === undefined && result.signal === undefined) {
      const code = result.code;
      if (code === 'ENOENT' || code === 'EACCES')
        throw new StackBackupError('tool-missing', `cannot run ${name}: ${code}`, {
          cause: result,
          next: `Install ${name}, or put it on the PATH; \`stack-backup doctor\` says what is needed.`,
        });
      throw new StackBackupError('internal', `${name} could not be run: ${result.shortMessage}`, {
        cause: result,
      });
    }
    return {
      // A process that a signal ended has no exit code; shells count 128 and up for it.
      exitCode: result.exitCode ?? 128,
      stdout: Buffer.from((result.stdout as unknown as Uint8Array | undefined) ?? []),
      stderr: Buffer.from((result.stderr as unknown as Uint8Array | undefined) ?? []).toString('utf8'),
      cut: isCut(),
    };
  } finally {
    watch.release();
  }
};

/**
 * Runs a program with an argument list, never through a shell, and waits for its end. A non-zero exit code
 * is an answer, not an error. Rejects with `tool-missing`, `timeout` or `interrupted`; in the last two the
 * whole process group has been told to end. With `internal` when it said more than `maxBuffer`.
 */
export const run = async (command: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
  settle(command, options, start(command, options, true));

export interface StreamingProcess {
  readonly pid: number | undefined;
  readonly stdout: Readable;
  /** Settles like `run`, with an empty stdout. Must be awaited. */
  readonly done: Promise<RunResult>;
}

/** Like `run`, but stdout is read as it comes, with back-pressure. */
export const spawnStreaming = (command: readonly string[], options: RunOptions = {}): StreamingProcess => {
  const child = start(command, options, false);
  const done = settle(command, options, child);
  // Whoever reads stdout may fail first; the rejection is still delivered to whoever awaits `done`.
  done.catch(() => undefined);
  if (child.stdout === null || child.stdout === undefined)
    throw new StackBackupError('internal', 'a child process without stdout');
  return { pid: child.pid, stdout: child.stdout as Readable, done };
};
