import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StackBackupError } from '../../base/errors.ts';
import { type ComposeProject, composeModelAndUnset, composeWhole } from '../../docker/compose.ts';
import type { Fields } from '../../plan/into/types.ts';
import type { Manifest } from '../../snapshot/types.ts';
import { withShortVolumes } from '../../stack/model/whole.ts';
import type { World } from '../session/session.ts';
import { foreignFiles, savedFiles } from './saved.ts';
import { fromEnvFiles, notGiven, withEnvFiles, withWanted } from './variables.ts';

export interface ModelChoice {
  readonly project: string;
  /** Instead of those in the snapshot. */
  readonly composeFiles: readonly string[];
  readonly envFiles: readonly string[];
  /** The compose files are of a snapshot that anybody may have made: nothing of this machine is read for them. */
  readonly sealed: boolean;
}

/** What the first of some ways comes to that does not fail; the failure of the first where all do. */
const firstOf = async <Result>(ways: readonly (() => Promise<Result>)[]): Promise<Result> => {
  const [first, ...others] = ways;
  if (first === undefined)
    throw new StackBackupError('restore-refused', 'the snapshot holds no compose files', {
      next: 'Name the compose files of the stack with --compose-file.',
    });
  try {
    return await first();
  } catch (error) {
    for (const other of others) {
      const found = await other().catch(() => undefined);
      if (found !== undefined) return found;
    }
    throw error;
  }
};

interface Found {
  readonly model: Fields;
  /** Variables without a value. */
  readonly missing: readonly string[];
}

const asItStands = async (asked: ComposeProject): Promise<Found> => {
  const { model, unset } = await composeModelAndUnset(asked);
  return { model: model as Fields, missing: unset };
};

/**
 * Without the env files that services name: they are not in the snapshot. What came from them is known by name,
 * and asked for.
 */
const withoutTheirFiles = async (
  folder: string,
  asked: ComposeProject,
  env: NodeJS.ProcessEnv,
): Promise<Found> => {
  const asWritten = withShortVolumes(await composeWhole(asked)) as Fields;
  const wanted = await fromEnvFiles(folder, asWritten);
  const input = JSON.stringify(withEnvFiles(asWritten, wanted, asked.envFiles));
  const filled = await asItStands({ ...asked, files: ['-'], input });
  const { model, missing } = withWanted(asWritten, filled.model, wanted, env);
  return { model, missing: [...filled.missing, ...missing] };
};

/**
 * The compose model for a project of another name. The snapshot has compose files as they were, but no values
 * of variables: what is missing is named (`env-missing`).
 */
export const modelFor = async (
  { cwd, env: ours }: World,
  folder: string,
  manifest: Manifest,
  choice: ModelChoice,
): Promise<Fields> => {
  const { project, sealed } = choice;
  const own = choice.composeFiles.map((file) => resolve(cwd, file));
  const envFiles = choice.envFiles.map((file) => resolve(cwd, file));
  const env = sealed ? {} : ours;
  for (const file of [...own, ...envFiles])
    if (!existsSync(file))
      throw new StackBackupError('usage', `${file} is not there`, {
        next: 'Look at the paths that were given.',
      });
  const before = manifest.compose.files[0];
  // Relative paths start where the first of the files lay, also on a machine that has no such folder.
  const workingDir = own.length > 0 || before === undefined ? {} : { workingDir: dirname(before) };
  const saved = await (own.length > 0 ? [own] : sealed ? foreignFiles(folder) : savedFiles(folder));
  const asked = saved.map((files): ComposeProject => ({ project, files, envFiles, sealed, ...workingDir }));
  const { model, missing } = await firstOf([
    ...(sealed ? [] : asked.map((one) => () => asItStands(one))),
    ...(own.length > 0 ? [] : asked.map((one) => () => withoutTheirFiles(folder, one, env))),
  ]);
  const names = new Set([...missing, ...(await notGiven(folder, envFiles, env))]);
  if (names.size > 0)
    throw new StackBackupError('env-missing', `no values for ${[...names].sort().join(', ')}`, {
      next: sealed
        ? 'The snapshot keeps names and no values: give them with --values FILE. One from elsewhere gets nothing of the environment.'
        : 'The snapshot keeps names and no values: give them with --values FILE, or in the environment.',
    });
  return model;
};
