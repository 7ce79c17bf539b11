import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cost, measure } from '../child.ts';
import { run } from '../run.ts';
import { BenchProblem } from '../say.ts';
import { type Absence, watchProject } from '../watch.ts';
import type { Method } from './methods.ts';
import type { Stack } from './stack.ts';

/** One turn of one method. */
export interface Turn extends Cost, Absence {
  readonly method: Method['key'];
}

/**
 * The same ground for everybody: an empty folder, nobody's dirty pages left to be written, and all data read
 * once.
 */
const prepare = async (stack: Stack, out: string, signal: AbortSignal): Promise<void> => {
  await mkdir(out, { mode: 0o700 });
  await run(['sync'], { signal });
  await run(['sh', '-c', 'find "$@" -type f -exec cat {} + >/dev/null', 'sh', ...stack.volumes], { signal });
};

/**
 * Gives the space back, but leaves the small files until the end: ext4 passes over the inodes of files that
 * were deleted in the last minutes, one by one, so that after 50,000 deletions making a file takes several
 * times as long. Nobody deletes a whole backup in the minute before the next one.
 */
const giveSpaceBack = async (out: string, signal: AbortSignal): Promise<void> => {
  await run(['find', out, '-type', 'f', '-size', '+1M', '-delete'], { signal });
};

/** Nothing may be fast because it is wrong. */
const assertComplete = async (
  stack: Stack,
  method: Method,
  out: string,
  signal: AbortSignal,
): Promise<void> => {
  const { files, bytes } = stack.size;
  const got = await method.result(out, signal);
  if (got.files !== files || got.bytes !== bytes || (got.sums ?? files) !== files)
    throw new BenchProblem(
      `${method.title}: ${got.files} files, ${got.bytes} bytes, ${got.sums} checksums, not ${files} and ${bytes}`,
    );
  const { stdout } = await run([...stack.compose, 'ps', '--quiet', '--status', 'running'], { signal });
  const running = stdout.trim().split('\n').length;
  if (running !== stack.containers)
    throw new BenchProblem(`${method.title}: ${running} of ${stack.containers} containers run afterwards`);
};

/** Prepares, runs and measures one turn, and checks what came of it. */
export const takeTurn = async (
  stack: Stack,
  method: Method,
  round: number,
  signal: AbortSignal,
): Promise<Turn> => {
  const out = join(stack.folder, `${method.key}-${round}`);
  await prepare(stack, out, signal);
  await using watch = watchProject(stack.project, stack.containers);
  const { stdout: _, ...cost } = await measure(method.command(out), stack.folder, signal);
  const absence = await watch.absence();
  await assertComplete(stack, method, out, signal);
  await giveSpaceBack(out, signal);
  return { method: method.key, ...cost, ...absence };
};
