import { dirname } from 'node:path';
import { StackBackupError } from '../../../base/errors.ts';
import { configuredStacks } from '../../../config/instances.ts';
import { loadConfig } from '../../../config/load.ts';
import { resolveInstances } from '../../../config/resolve.ts';
import type { Instance } from '../../../config/types.ts';
import type { Journal } from '../../journal.ts';

export const noSuch = (message: string): StackBackupError => new StackBackupError('config-missing', message);

/** The instance as its configuration has it now, with what this process' environment gives it. */
export const instanceOf = async (journal: Journal, file: string): Promise<Instance> => {
  const config = await loadConfig({ path: file, cwd: dirname(file), env: process.env });
  const isNamed = configuredStacks(config).some(({ name }) => name === journal.instance);
  const [instance] =
    config === undefined || !isNamed
      ? []
      : await resolveInstances(config, [journal.instance], { env: process.env });
  if (instance === undefined) throw noSuch(`it names no instance ${journal.instance} any more`);
  if (instance.project !== journal.project)
    throw noSuch(`${journal.instance} is another Compose project there now: ${instance.project}`);
  return instance;
};
