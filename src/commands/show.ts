import { resolveSnapshot } from '../catalog/reference.ts';
import { renderShow } from '../catalog/render/show.ts';
import { backupsFolders } from './session/backups.ts';
import { finishDead } from './session/finish-dead.ts';
import { printJson, type World } from './session/session.ts';
import { tellOfUnreadable } from './session/unreadable.ts';

/** `stack-backup show <snapshot>`: what stands in its manifest. */
export const show = async (world: World, reference: string): Promise<number> => {
  const folders = await backupsFolders(world);
  await finishDead(world, folders);
  const { folder, manifest, unreadable } = await resolveSnapshot(reference, {
    backups: folders,
    cwd: world.cwd,
  });
  tellOfUnreadable(world, unreadable);
  if (world.flags.json) printJson(world, manifest);
  else
    world.stdout.write(
      renderShow(manifest, {
        color: world.flags.color && world.stdout.isTTY,
        width: world.stdout.columns ?? 100,
        path: folder,
      }),
    );
  return 0;
};
