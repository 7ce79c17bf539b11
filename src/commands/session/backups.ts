import { resolve } from 'node:path';
import type { LoadedConfig } from '../../config/load.ts';
import { commonBackups } from '../../config/resolve.ts';
import { configOf, type World } from './session.ts';

const configured = (config: LoadedConfig): string[] =>
  Object.values(config.raw.instances ?? {}).flatMap((raw) =>
    typeof raw?.backups === 'string' ? [resolve(config.folder, raw.backups)] : [],
  );

/**
 * Every folder that may hold snapshots: what --backups says, else the folders of the configuration, else
 * `./backups`. No engine is asked: a catalog can be read where there is none.
 */
export const backupsFolders = async (world: World): Promise<readonly string[]> => {
  if (world.flags.backups !== undefined) return [resolve(world.cwd, world.flags.backups)];
  const config = await configOf(world);
  if (config === undefined) return [resolve(world.cwd, 'backups')];
  return [...new Set([commonBackups(config), ...configured(config)])];
};
