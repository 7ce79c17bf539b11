import { type ResolvedSnapshot, resolveSnapshot } from '../../catalog/reference.ts';
import { backupsFolders } from '../session/backups.ts';
import { finishDead } from '../session/finish-dead.ts';
import type { World } from '../session/session.ts';
import { tellOfUnreadable } from '../session/unreadable.ts';

/** The snapshots that are meant, all of them found before anything is shown. */
export const resolved = async (
  world: World,
  references: readonly string[],
): Promise<readonly ResolvedSnapshot[]> => {
  const backups = await backupsFolders(world);
  await finishDead(world, backups);
  const found: ResolvedSnapshot[] = [];
  for (const reference of references) {
    const snapshot = await resolveSnapshot(reference, { backups, cwd: world.cwd });
    tellOfUnreadable(world, snapshot.unreadable);
    found.push(snapshot);
  }
  return found;
};
