import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { StackBackupError } from '../../base/errors.ts';
import { composeModelAndUnset } from '../../docker/compose.ts';
import type { Fields } from '../../plan/into/types.ts';
import { composeName } from '../../snapshot/layout.ts';
import type { Manifest } from '../../snapshot/types.ts';
import type { World } from '../session/session.ts';

export interface ModelChoice {
  readonly project: string;
  /** Instead of those in the snapshot. */
  readonly composeFiles: readonly string[];
  readonly envFiles: readonly string[];
}

/** The compose files as they were when the snapshot was made, in Compose's order. */
const savedFiles = async (folder: string): Promise<readonly string[]> => {
  const names = await readdir(join(folder, composeName)).catch(() => []);
  return names
    .filter((name) => /^\d\d-/.test(name))
    .sort()
    .map((name) => join(folder, composeName, name));
};

const namesIn = (text: string): readonly string[] =>
  [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:]/gm)].map(([, name = '']) => name);

/** Variables that the snapshot knows by name only, and nobody gives a value now. */
const notGiven = async (
  folder: string,
  envFiles: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> => {
  const saved = await readFile(join(folder, composeName, 'redacted.env'), 'utf8').catch(() => '');
  const given = new Set<string>();
  for (const file of envFiles) for (const name of namesIn(await readFile(file, 'utf8'))) given.add(name);
  return namesIn(saved).filter((name) => !given.has(name) && env[name] === undefined);
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
  const files = own.length > 0 ? own : await savedFiles(folder);
  const envFiles = choice.envFiles.map((file) => resolve(cwd, file));
  for (const file of [...files, ...envFiles])
    if (!existsSync(file))
      throw new StackBackupError('usage', `${file} is not there`, {
        next: 'Look at the paths that were given.',
      });
  if (files.length === 0)
    throw new StackBackupError('restore-refused', 'the snapshot holds no compose files', {
      next: 'Name the compose files of the stack with --compose-file.',
    });
  const before = manifest.compose.files[0];
  // Relative paths start where the first of the files lay, also on a machine that has no such folder.
  const workingDir = own.length > 0 || before === undefined ? undefined : dirname(before);
  const { model, unset } = await composeModelAndUnset({
    project: choice.project,
    files,
    envFiles,
    ...(workingDir === undefined ? {} : { workingDir }),
  });
  const missing = new Set([...unset, ...(await notGiven(folder, envFiles, env))]);
  if (missing.size > 0)
    throw new StackBackupError('env-missing', `no values for ${[...missing].sort().join(', ')}`, {
      next: 'The snapshot keeps names and no values: give them with --values FILE, or in the environment.',
    });
  return model as Fields;
};
