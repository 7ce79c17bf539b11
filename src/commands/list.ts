import { printable } from '../base/text/printable.ts';
import { readCatalog } from '../catalog/catalog.ts';
import { drilledOf } from '../catalog/drilled.ts';
import { readRecords } from '../catalog/history.ts';
import { type ListRow, renderList } from '../catalog/render/list.ts';
import { verifiedOf } from '../catalog/verified.ts';
import { backupsFolders } from './session/backups.ts';
import { finishDead } from './session/finish-dead.ts';
import { printJson, type World } from './session/session.ts';

/** `stack-backup list [instance]…`: the snapshots there are, also those whose manifest is damaged. */
export const list = async (world: World, instances: readonly string[]): Promise<number> => {
  const folders = await backupsFolders(world);
  await finishDead(world, folders);
  const catalogs = await Promise.all(folders.map(rowsOf));
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

/** The snapshots of a folder, with what is known of them from those who verified or drilled them. */
const rowsOf = async (backups: string): Promise<readonly ListRow[]> => {
  const records = await readRecords(backups).catch(() => []);
  const [verified, drilled] = [verifiedOf(records), drilledOf(records)];
  return (await readCatalog(backups)).map((entry) => {
    const [verification, drill] = [verified.get(entry.name), drilled.get(entry.name)];
    return { ...entry, ...(verification && { verification }), ...(drill && { drill }) };
  });
};

/** Where it was looked matters most to whoever expected to see something. */
const nothing = (instances: readonly string[], folders: readonly string[]): string =>
  `No snapshots${instances.length === 0 ? '' : ` of ${instances.join(', ')}`} in ${folders.join(', ')} yet.`;
