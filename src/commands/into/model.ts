import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { readPlainFile } from '../../base/disk/plain-file.ts';
import { StackBackupError } from '../../base/errors.ts';
import { composeModelAndUnset } from '../../docker/compose.ts';
import type { Fields } from '../../plan/into/types.ts';
import { composeName, wholeName } from '../../snapshot/layout.ts';
import type { Manifest } from '../../snapshot/types.ts';
import type { World } from '../session/session.ts';

export interface ModelChoice {
  readonly project: string;
  /** Instead of those in the snapshot. */
  readonly composeFiles: readonly string[];
  readonly envFiles: readonly string[];
}

/**
 * The compose files as they were when the snapshot was made, in Compose's order; where they name others, all as
 * one file besides. Of these ways the first that Compose can follow is taken.
 */
const savedFiles = async (folder: string): Promise<readonly (readonly string[])[]> => {
  const names: readonly string[] = await readdir(join(folder, composeName)).catch(() => []);
  const plain = names.filter((name) => /^\d\d-/.test(name)).sort();
  const ways = [plain, names.filter((name) => name === wholeName)];
  return ways
    .filter((files) => files.length > 0)
    .map((files) => files.map((name) => join(folder, composeName, name)));
};

/** Bytes; longer ones are no env file. */
const longest = 16 * 1024 * 1024;

const namesIn = (text: string): readonly string[] =>
  [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:]/gm)].map(([, name = '']) => name);

/** Variables that the snapshot knows by name only, and nobody gives a value now. */
const notGiven = async (
  folder: string,
  envFiles: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> => {
  const path = join(folder, composeName, 'redacted.env');
  const saved = await readPlainFile(path, longest).then(String, () => '');
  const given = new Set<string>();
  for (const file of envFiles) for (const name of namesIn(await readFile(file, 'utf8'))) given.add(name);
  return namesIn(saved).filter((name) => !given.has(name) && env[name] === undefined);
};

/** What the first of some ways comes to that does not fail; the failure of the first where all do. */
const firstOf = async <Way, Result>(
  ways: readonly Way[],
  follow: (way: Way) => Promise<Result>,
): Promise<Result> => {
  const [first, ...others] = ways;
  if (first === undefined)
    throw new StackBackupError('restore-refused', 'the snapshot holds no compose files', {
      next: 'Name the compose files of the stack with --compose-file.',
    });
  try {
    return await follow(first);
  } catch (error) {
    for (const other of others) {
      const found = await follow(other).catch(() => undefined);
      if (found !== undefined) return found;
    }
    throw error;
  }
};

/**
 * The compose model for a project of another name. The snapshot has compose files as they were, but no values
 * of variables: what is missing is named (`env-missing`).
 */
export const modelFor = async (
  { cwd, env }: World,
  folder: string,
  manifest: Manifest,
  choice: ModelChoice,
): Promise<Fields> => {
  const own = choice.composeFiles.map((file) => resolve(cwd, file));
  const ways = own.length > 0 ? [own] : await savedFiles(folder);
  const envFiles = choice.envFiles.map((file) => resolve(cwd, file));
  for (const file of [...own, ...envFiles])
    if (!existsSync(file))
      throw new StackBackupError('usage', `${file} is not there`, {
        next: 'Look at the paths that were given.',
      });
  const before = manifest.compose.files[0];
  // Relative paths start where the first of the files lay, also on a machine that has no such folder.
  const workingDir = own.length > 0 || before === undefined ? undefined : dirname(before);
  const { model, unset } = await firstOf(ways, (files) =>
    composeModelAndUnset({
      project: choice.project,
      files,
      envFiles,
      ...(workingDir === undefined ? {} : { workingDir }),
    }),
  );
  const missing = new Set([...unset, ...(await notGiven(folder, envFiles, env))]);
  if (missing.size > 0)
    throw new StackBackupError('env-missing', `no values for ${[...missing].sort().join(', ')}`, {
      next: 'The snapshot keeps names and no values: give them with --values FILE, or in the environment.',
    });
  return model as Fields;
};
