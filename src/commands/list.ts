import { printable } from '../base/text/printable.ts';
import { readCatalog } from '../catalog/catalog.ts';
import { renderList } from '../catalog/render.ts';
import { backupsFolders } from './session/backups.ts';
import { tellOfDead } from './session/dead-runs.ts';
import { printJson, type World } from './session/session.ts';

/** `stack-backup list [instance]…`: the snapshots there are, also those whose manifest is damaged. */
export const list = async (world: World, instances: readonly string[]): Promise<number> => {
  const folders = await backupsFolders(world);
  await tellOfDead(world, folders);
  const catalogs = await Promise.all(folders.map(readCatalog));
  const entries = catalogs
    .flat()
    .filter((entry) => instances.length === 0 || instances.includes(entry.instance));
  if (world.flags.json) printJson(world, entries);
  else if (entries.length === 0) world.stdout.write(`${printable(nothing(instances, folders))}\n`);
  else
    world.stdout.write(
      renderList(entries, {
        color: world.flags.color && world.stdout.isTTY,
        width: world.stdout.columns ?? 100,
        now: world.clock.now(),
      }),
    );
  return 0;
};

/** Where it was looked matters most to whoever expected to see something. */
const nothing = (instances: readonly string[], folders: readonly string[]): string =>
  `No snapshots${instances.length === 0 ? '' : ` of ${instances.join(', ')}`} in ${folders.join(', ')} yet.`;
