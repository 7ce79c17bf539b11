import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StackBackupError } from '../../base/errors.ts';
import { type RunOptions, run } from '../../base/process.ts';
import { argumentOf } from '../changes/paths.ts';
import { gentle } from '../gentle.ts';
import { type Patched, type PatchPlaces, patchFile } from './patch.ts';

export interface PatchOptions extends Pick<RunOptions, 'signal' | 'pace'> {
  /** Services are at work: a process of its own does it, last in line. */
  readonly live: boolean;
}

/** `.ts` from the sources, `.js` when built. */
const program = (): string =>
  fileURLToPath(new URL(`./patch-main${extname(import.meta.url)}`, import.meta.url));

/** Child processes end as a group when they are told to; `signal` and pace go with them. */
const apart = async (
  { source, copy, target }: PatchPlaces,
  paths: readonly Buffer[],
  { signal, pace }: PatchOptions,
): Promise<readonly (Patched | undefined)[]> => {
  const node = [process.execPath, '--no-warnings', '--max-semi-space-size=1', program()];
  const { exitCode, stdout, stderr } = await run(await gentle([...node, source, copy, target]), {
    cwd: '/',
    input: Buffer.concat(paths.flatMap((path) => [path, Buffer.from([0])])),
    ...(signal && { signal }),
    ...(pace && { pace }),
  });
  const lines = stdout.toString('utf8').split('\n').slice(0, -1);
  if (exitCode !== 0 || lines.length !== paths.length)
    throw new StackBackupError('internal', `patching ended with exit code ${exitCode}: ${stderr}`);
  return lines.map((line) => (JSON.parse(line) as Patched | null) ?? undefined);
};

const within = async (
  places: PatchPlaces,
  paths: readonly Buffer[],
  signal: AbortSignal | undefined,
): Promise<readonly (Patched | undefined)[]> => {
  const all: (Patched | undefined)[] = [];
  for (const path of paths) all.push(await patchFile(places, path, signal));
  return all;
};

/** Makes holes again of what is zeros. A file system that cannot keeps the zeros, which are as good. */
const digHoles = async (
  { target }: PatchPlaces,
  paths: readonly Buffer[],
  { signal, pace }: PatchOptions,
): Promise<void> => {
  if (paths.length === 0) return;
  await run(['xargs', '-0', '-n', '1', 'fallocate', '--dig-holes', '--'], {
    cwd: target,
    env: { LC_ALL: 'C' },
    input: Buffer.concat(paths.map(argumentOf)),
    ...(signal && { signal }),
    ...(pace && { pace }),
  });
};

export interface PatchedFiles {
  readonly patched: readonly Buffer[];
  /** Those that have to be copied whole. */
  readonly others: readonly Buffer[];
  /** Bytes written. */
  readonly written: number;
}

/**
 * Makes each of these files in `target` out of its earlier copy and what has changed (`patchFile`). Their
 * owners, modes, times and attributes are still to be set.
 */
export const patchFiles = async (
  places: PatchPlaces,
  paths: readonly Buffer[],
  options: PatchOptions,
): Promise<PatchedFiles> => {
  const results = options.live
    ? await apart(places, paths, options)
    : await within(places, paths, options.signal);
  const isPatched = (_: Buffer, at: number): boolean => results[at] !== undefined;
  await digHoles(
    places,
    paths.filter((_, at) => results[at]?.filled === true),
    options,
  );
  return {
    patched: paths.filter(isPatched),
    others: paths.filter((path, at) => !isPatched(path, at)),
    written: results.reduce((sum, result) => sum + (result?.written ?? 0), 0),
  };
};
