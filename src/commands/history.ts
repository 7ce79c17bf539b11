import { printable } from '../base/text/printable.ts';
import { type HistoryRecord, readRecords } from '../catalog/history.ts';
import { renderHistory } from '../catalog/render/history.ts';
import { backupsFolders } from './session/backups.ts';
import { finishDead } from './session/finish-dead.ts';
import { printJson, type World } from './session/session.ts';

const byStart = (one: HistoryRecord, other: HistoryRecord): number =>
  Date.parse(one.started) - Date.parse(other.started);

/**
 * `stack-backup history [instance]…`: every run there was, failed ones too, the newest last; restores, drills and
 * verifications besides. `last`: so many of them at most.
 */
export const history = async (
  world: World,
  instances: readonly string[],
  { last }: { readonly last: number },
): Promise<number> => {
  const folders = await backupsFolders(world);
  await finishDead(world, folders);
  const records = (await Promise.all(folders.map(readRecords)))
    .flat()
    .filter(({ instance }) => instances.length === 0 || instances.includes(instance))
    .sort(byStart)
    .slice(-last);
  if (world.flags.json) printJson(world, records);
  else if (records.length === 0)
    world.stdout.write(
      `${printable(`No runs${instances.length === 0 ? '' : ` of ${instances.join(', ')}`} in ${folders.join(', ')} yet.`)}\n`,
    );
  else
    world.stdout.write(
      renderHistory(records, {
        color: world.flags.color && world.stdout.isTTY,
        width: world.stdout.columns ?? 120,
        zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      }),
    );
  return 0;
};
