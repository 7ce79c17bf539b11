import { join } from 'node:path';
import { readPlainFile } from '../../base/disk/plain-file.ts';
import { isInside } from '../../base/disk.ts';
import { messageOf } from '../../base/errors.ts';
import type { Instance } from '../../config/types.ts';
import type { Engine } from '../../docker/engine.ts';
import { composeName } from '../../snapshot/layout.ts';
import { modelOf } from '../../stack/model.ts';
import { projectContainers } from '../../stack/observe.ts';
import { withoutMasked } from '../model/masked.ts';
import type { ModelSource } from '../task.ts';

/** Longer ones are no Compose model. */
const longest = 16 * 1024 * 1024;

/** What the snapshot has of the model: the values of variables are masked in it. */
const ofSnapshot = async (folder: string, why: string): Promise<ModelSource> => {
  const path = join(folder, composeName, 'model.json');
  try {
    if (!(await isInside(path, folder))) throw new Error('it leads out of the snapshot');
    const { model, unknown } = withoutMasked(JSON.parse(String(await readPlainFile(path, longest))));
    const masked =
      unknown.length === 0
        ? []
        : [`variables without a value (\`drill.environment\` gives them one): ${unknown.join(', ')}`];
    return { model, isTrusted: false, observations: [why, ...masked] };
  } catch (error) {
    const message = `${why}, and that of the snapshot cannot be read (${messageOf(error)}): services run as their images say`;
    return { model: undefined, isTrusted: false, observations: [message] };
  }
};

/**
 * The Compose model to drill by: that of the instance's own files, where they are here and the snapshot is one
 * of its own; else that of the snapshot.
 */
export const sourceFor = async (
  engine: Engine,
  instance: Instance,
  folder: string,
  isOwn: boolean,
): Promise<ModelSource> => {
  if (!isOwn)
    return ofSnapshot(
      folder,
      'the snapshot lies in no backups folder of this configuration: its own compose model was used',
    );
  try {
    const { model } = await modelOf(instance, await projectContainers(engine, instance.project));
    if (model !== undefined) return { model, isTrusted: true, observations: [] };
    return ofSnapshot(folder, 'the compose files are not here: the model in the snapshot was used');
  } catch (error) {
    return ofSnapshot(
      folder,
      `the compose files cannot be used (${messageOf(error)}): the model in the snapshot was used`,
    );
  }
};
