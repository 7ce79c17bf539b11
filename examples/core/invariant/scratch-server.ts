import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const startLimitMs = 60_000;

/** Runs a program with an argument list; its stdout. Rejects when it fails, with its stderr in the message. */
export const run = async (
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const options = { env: { ...process.env, ...env }, maxBuffer: 256 * 1024 * 1024 };
  return (await execute(file, [...args], options)).stdout;
};

export interface ScratchServer extends AsyncDisposable {
  readonly id: string;
  /** Runs a command in it; its stdout. */
  exec(...command: readonly string[]): Promise<string>;
}

export interface ScratchServerOptions {
  readonly image: string;
  /** Host folder → folder in the container. */
  readonly mounts: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** A command that succeeds, and prints this, as soon as the server answers. */
  readonly ready: { readonly command: readonly string[]; readonly prints: RegExp };
}

/**
 * A server on scratch data: no network, a random name, a label, gone when disposed of. Values of `env` are
 * handed over through this process' environment, never on a command line.
 */
export const startServer = async (options: ScratchServerOptions): Promise<ScratchServer> => {
  const env = options.env ?? {};
  const args = [
    ...['run', '-d', '--name', `stack-backup-invariant-${randomBytes(4).toString('hex')}`],
    ...['--label', 'io.stack-backup.scratch=1', '--network', 'none'],
    ...Object.entries(options.mounts).flatMap(([from, to]) => ['--mount', `type=bind,src=${from},dst=${to}`]),
    ...Object.keys(env).flatMap((name) => ['--env', name]),
    options.image,
  ];
  const id = (await run('docker', args, env)).trim();
  const exec = (...command: readonly string[]): Promise<string> => run('docker', ['exec', id, ...command]);
  const remove = async (): Promise<void> => void (await run('docker', ['rm', '-f', '-v', id]));
  try {
    await waitUntilReady(id, options, exec);
  } catch (error) {
    await remove();
    throw error;
  }
  return { id, exec, [Symbol.asyncDispose]: remove };
};

const waitUntilReady = async (
  id: string,
  { image, ready }: ScratchServerOptions,
  exec: ScratchServer['exec'],
): Promise<void> => {
  const limit = Date.now() + startLimitMs;
  while (!ready.prints.test(await exec(...ready.command).catch(() => ''))) {
    const running =
      (await run('docker', ['inspect', '--format', '{{.State.Running}}', id])).trim() === 'true';
    if (running && Date.now() < limit) {
      await delay(100);
      continue;
    }
    const { stdout, stderr } = await execute('docker', ['logs', '--tail', '20', id]);
    throw new Error(`${image} did not start on the copied data:\n${stdout}${stderr}`);
  }
};
