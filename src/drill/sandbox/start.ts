import { StackBackupError } from '../../base/errors.ts';
import { type ComposeUp, composeUp } from '../../docker/compose.ts';
import type { Fields } from '../model/types.ts';
import type { Drill } from '../task.ts';

type More = Pick<ComposeUp, 'services' | 'createOnly'>;

const up = async (
  { id, scratch, task, tools }: Drill,
  model: Fields,
  more: More,
): Promise<string | undefined> => {
  const { signal } = tools;
  const timeoutMs = task.settings.health;
  try {
    return await composeUp({ project: id, model, folder: scratch, timeoutMs, signal, ...more });
  } catch (error) {
    if (error instanceof StackBackupError && error.code === 'timeout') return error.message;
    throw error;
  }
};

/**
 * Makes the containers of a sandbox, and its network, without starting any. What Compose complains of is the
 * answer: the drill goes on, and says which services are not as they should be.
 */
export const createServices = (drill: Drill, model: Fields): Promise<string | undefined> =>
  up(drill, model, { services: [], createOnly: true });

/** Starts services with what they depend on; all when none is named. The same of complaints. */
export const startServices = (
  drill: Drill,
  model: Fields,
  services: readonly string[] = [],
): Promise<string | undefined> => up(drill, model, { services });
