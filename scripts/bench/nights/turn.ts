import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cost, type Measured, measure } from '../child.ts';
import { run } from '../run.ts';
import { BenchProblem } from '../say.ts';
import { type Absence, watchProject } from '../watch.ts';
import { type Inside, insideOf, walkSeconds } from './inside.ts';
import { askedIn, type Content, type Method, type Night } from './methods.ts';
import type { SetName } from './options.ts';
import { changedBlocks, mountReflinks } from './reflink.ts';
import type { Stack } from './stack.ts';

/** One snapshot by one method. Seconds; bytes. */
export interface Turn extends Cost, Absence {
  readonly set: SetName;
  readonly method: Method['key'];
  readonly round: number;
  readonly night: Night;
  /** Sizes of the files that changed since the snapshot before. */
  readonly changed?: number;
  /** Blocks of them that differ, where files can share blocks. */
  readonly changedBlocks?: number;
  /** What only our own tool tells, and what it is compared with. */
  readonly inside?: Inside & { readonly walk: number };
}

/** Where a turn stands in the order of things. */
export interface Place {
  readonly set: SetName;
  readonly method: Method;
  readonly round: number;
}

/** All but the file that the service is about to move into its place. */
const readAll = 'find "$1" -type f ! -name new -exec cat {} + >/dev/null';

/** The same ground for everybody: no dirty pages left to be written, and all data read once, or nothing at all. */
const settle = async ({ data }: Stack, cold: boolean, signal: AbortSignal): Promise<void> => {
  await run(['sync'], { signal });
  if (cold) await writeFile('/proc/sys/vm/drop_caches', '3');
  else await run(['sh', '-c', readAll, 'sh', data], { signal });
};

/** Nothing may be fast because it is wrong. */
const assertComplete = async (
  stack: Stack,
  method: Method,
  content: Content,
  generation: number,
  signal: AbortSignal,
) => {
  const { files } = stack.size;
  if (content.files !== files || content.generation !== generation)
    throw new BenchProblem(
      `${method.key}: ${content.files} files of night ${content.generation}, not ${files} of ${generation}`,
    );
  const { stdout } = await run([...stack.compose, 'ps', '--quiet', '--status', 'running'], { signal });
  const running = stdout.trim().split('\n').length;
  if (running !== stack.containers)
    throw new BenchProblem(`${method.key}: ${running} of ${stack.containers} containers run afterwards`);
};

/** Sizes of the files that changed since the file `since` was made. Names of one file count once, holes not at all. */
const changedBytes = async ({ data }: Stack, since: string, signal: AbortSignal): Promise<number> => {
  const command = ['find', data, '-ignore_readdir_race', '-type', 'f', '-newercm', since];
  const { stdout } = await run([...command, '-printf', '%i %s %b\n'], { signal });
  const sizes = new Map<string, number>();
  for (const line of stdout.trimEnd().split('\n')) {
    const [inode = '', size = 0, blocks = 0] = line.split(' ');
    sizes.set(inode, Math.min(Number(size), Number(blocks) * 512));
  }
  return sizes.values().reduce((sum, size) => sum + size, 0);
};

/**
 * Frees the large files alone: after many small ones are deleted, ext4 takes several times as long to make
 * new ones (docs/performance.md). They go at the very end.
 */
const giveSpaceBack = async (out: string, signal: AbortSignal): Promise<void> => {
  await run(['find', out, '-type', 'f', '-size', '+255k', '-delete'], { signal });
};

/** Counts the nights of a stack: each changes other data. */
const generations = new WeakMap<Stack, number>();

const nextDay = async (stack: Stack): Promise<void> => {
  const generation = (generations.get(stack) ?? 0) + 1;
  generations.set(stack, generation);
  await stack.set.change(stack.data, stack.scale, generation);
};

const takeTurn = async (
  stack: Stack,
  { set, method, round }: Place,
  night: Night,
  out: string,
  signal: AbortSignal,
): Promise<Turn> => {
  const stamp = join(stack.folder, 'stamp');
  const changed = night === 1 ? {} : { changed: await changedBytes(stack, stamp, signal) };
  await settle(stack, set === 'A-cold', signal);
  let measured: Measured;
  let absence: Absence;
  {
    await using watch = watchProject(stack.project, stack.containers);
    measured = await measure(method.command(out, night), stack.folder, signal);
    absence = await watch.absence(askedIn(measured.stdout));
  }
  await rm(stamp, { force: true });
  await writeFile(stamp, '');
  const { stdout, ...cost } = measured;
  const isOurs = method.key === 'ours';
  const inside = isOurs
    ? { inside: { ...insideOf(stdout, cost.wall), walk: await walkSeconds(stack, signal) } }
    : {};
  const content = await method.content(out, night, signal, round === 0);
  await assertComplete(stack, method, content, generations.get(stack) ?? 0, signal);
  const blocks = set === 'A-reflink' && night === 2 ? { changedBlocks: await changedBlocks(out) } : {};
  return { set, method: method.key, round, night, ...cost, ...absence, ...changed, ...blocks, ...inside };
};

/** Two snapshots by one method, with a day of changes between. */
export const takeNights = async (
  stack: Stack,
  place: Place,
  signal: AbortSignal,
  tell: (turn: Turn) => Promise<void>,
): Promise<void> => {
  const out = join(stack.folder, `${place.set}-${place.method.key}-${place.round}`);
  await using _disk =
    place.set === 'A-reflink' ? await mountReflinks(out, stack.size.bytes * 1.5, signal) : undefined;
  if (_disk === undefined) await mkdir(out, { mode: 0o700 });
  await place.method.prepare?.(out, signal);
  for (const night of [1, 2] as const) {
    if (night === 2) await nextDay(stack);
    await tell(await takeTurn(stack, place, night, out, signal));
  }
  await giveSpaceBack(out, signal);
};
