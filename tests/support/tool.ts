import { type ChildProcess, spawn } from 'node:child_process';
import { builtProgram } from './built.ts';

export { repository } from './built.ts';

export interface ToolOptions {
  /** Default: this process' own folder. */
  readonly cwd?: string;
  /** Added to this process' environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Given on standard input, which is closed after it. Without it there is nothing to read. */
  readonly input?: string;
  /** A program with its arguments that starts the tool in its turn, such as `setpriv …`. */
  readonly through?: readonly string[];
  /** After so long it is killed: a tool that hangs must not outlive its test (120 s). Default 110 s. */
  readonly killAfterMs?: number;
}

export interface ToolResult {
  /** 128 + the signal's number for a process that a signal ended, as a shell has it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningTool extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Everything written so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Settles when the process has ended; never rejects for an exit code. */
  readonly ended: Promise<ToolResult>;
  /** The first line of either output, past or to come, that matches. Rejects when the tool ends without one. */
  line(pattern: RegExp): Promise<string>;
  /** Sends a signal to the process. */
  kill(signal: NodeJS.Signals): void;
}

const signalNumber: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
};

/** Starts the tool as it ships. Disposing of it kills what still runs. */
export const spawnTool = (args: readonly string[], options: ToolOptions = {}): RunningTool => {
  const [program, ...rest] = [...(options.through ?? []), process.execPath, builtProgram, ...args] as [
    string,
    ...string[],
  ];
  const child = spawn(program, rest, {
    cwd: options.cwd,
    // The tool ships with a compile cache of its own.
    env: { ...process.env, NODE_COMPILE_CACHE: undefined, ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    timeout: options.killAfterMs ?? 110_000,
    killSignal: 'SIGKILL',
  });
  const text = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
      for (const look of watchers) look();
    });
  }
  // A tool that ends without reading its input breaks the pipe; its exit code tells what happened.
  child.stdin?.on('error', () => undefined).end(options.input);
  const { promise: ended, resolve, reject } = Promise.withResolvers<ToolResult>();
  ended.catch(() => undefined);
  child.once('error', reject);
  child.once('close', (code, signal) =>
    resolve({ ...text, exitCode: code ?? 128 + (signalNumber[signal ?? 'SIGKILL'] ?? 0) }),
  );

  const find = (pattern: RegExp): string | undefined =>
    `${text.stdout}\n${text.stderr}`.split('\n').find((line) => pattern.test(line));
  const line = (pattern: RegExp): Promise<string> => {
    const seen = Promise.withResolvers<string>();
    const look = (): void => {
      const found = find(pattern);
      if (found !== undefined) seen.resolve(found);
    };
    watchers.add(look);
    look();
    void ended
      .catch(() => undefined)
      .then(() =>
        seen.reject(
          new Error(`the tool ended without a line like ${pattern}:\n${text.stdout}${text.stderr}`),
        ),
      );
    return seen.promise.finally(() => watchers.delete(look));
  };

  return {
    child,
    get stdout() {
      return text.stdout;
    },
    get stderr() {
      return text.stderr;
    },
    ended,
    line,
    kill: (signal) => void child.kill(signal),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended.catch(() => undefined);
    },
  };
};

/** Runs the tool as it ships to its end. */
export const runTool = (args: readonly string[], options: ToolOptions = {}): Promise<ToolResult> =>
  spawnTool(args, options).ended;
