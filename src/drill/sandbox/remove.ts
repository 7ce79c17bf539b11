import { removeTree } from '../../base/disk.ts';
import type { Engine } from '../../docker/engine.ts';
import { labelOfDrill } from '../../run/drill/label.ts';
import { temporaryPath } from '../../snapshot/layout.ts';

/** Removes all that a drill has made: containers, network, volumes, helpers, folder. What is gone is success. */
export const removeSandbox = async (engine: Engine, backups: string, id: string): Promise<void> => {
  await engine.removeLabelled(labelOfDrill(id));
  await engine.removeHolders(id);
  await removeTree(temporaryPath(backups, id));
};
