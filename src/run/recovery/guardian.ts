import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Journal } from '../journal.ts';

/** A small process that stands by while services are down; `dismiss` sends it home. */
export interface Guardian {
  readonly pid: number | undefined;
  /** Hands it the newest journal, for when the disk with the backups is lost; undefined: there is none any more. */
  readonly tell: (journal: Journal | undefined) => void;
  /** The run has put everything back by itself. */
  dismiss(): Promise<void>;
}

/** `.ts` from the sources, `.js` when built. The path of a URL is none of a file: a blank in it is `%20`. */
const program = (): string =>
  fileURLToPath(new URL(`./guardian-main${extname(import.meta.url)}`, import.meta.url));

/** What Node is told: it stands by for hours, and has little to do. */
export const guardianFlags: readonly string[] = ['--no-warnings', '--max-semi-space-size=1'];

/**
 * Starts the guardian of a run: a detached process that holds the reading end of a pipe. When the run dies,
 * however it dies, the kernel closes the pipe, and the guardian does what `recover` does. Resolves when it
 * stands by. It is no reason to fail when it cannot be started: `recover` does the same later.
 */
export const startGuardian = async (backups: string, run: string): Promise<Guardian | undefined> => {
  const child = spawn(process.execPath, [...guardianFlags, program(), backups, run], {
    detached: true, // a signal to the run's terminal or process group is not for it
    stdio: ['pipe', 'pipe', 'ignore'],
    cwd: '/',
  });
  const failed = once(child, 'error').then(() => 'failed');
  const ended = once(child, 'exit').then(() => 'failed');
  const ready = once(child.stdout, 'data').then(
    () => 'ready',
    () => 'failed',
  );
  child.stdin.on('error', () => undefined);
  if ((await Promise.race([failed, ended, ready])) !== 'ready') return undefined;
  child.stdout.destroy();
  child.unref();
  return {
    pid: child.pid,
    tell: (journal) => void child.stdin.write(`${JSON.stringify(journal ?? null)}\n`),
    dismiss: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.ref(); // or the program would end here, with nothing left to wait for
      child.stdin.end('done\n');
      await ended;
    },
  };
};
