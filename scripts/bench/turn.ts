import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cost, measure } from './child.ts';
import type { Method } from './methods.ts';
import { run } from './run.ts';
import { BenchProblem } from './say.ts';
import type { Stack } from './stack.ts';
import { type Absence, watchProject } from './watch.ts';

/** One turn of one method. */
export interface Turn extends Cost, Absence {
  readonly method: Method['key'];
}

/**
 * The same ground for everybody: the method's own former result is gone, nobody's dirty pages are left to
 * be written, and all data has been read.
 */
const prepare = async (stack: Stack, out: string, signal: AbortSignal): Promise<void> => {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { mode: 0o700 });
  await run(['sync'], { signal });
  await run(['sh', '-c', 'find "$@" -type f -exec cat {} + >/dev/null', 'sh', ...stack.volumes], { signal });
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
export const takeTurn = async (stack: Stack, method: Method, signal: AbortSignal): Promise<Turn> => {
  const out = join(stack.folder, method.key);
  await prepare(stack, out, signal);
  await using watch = watchProject(stack.project, stack.containers);
  const cost = await measure(method.command(out), stack.folder, signal);
  const absence = await watch.absence();
  await assertComplete(stack, method, out, signal);
  return { method: method.key, ...cost, ...absence };
};
