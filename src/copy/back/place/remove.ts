import { mkdirSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { errnoOf, messageOf } from '../../../base/errors.ts';
import type { Decisions } from '../compare/decisions.ts';
import { stuck } from '../trouble.ts';
import { FolderWalk } from './folder-walk.ts';
import type { Staging } from './staging.ts';

/** Removes what is not in the snapshot. Folders are moved away as a whole, and removed where nobody sees them. */
export const removeExtras = async (
  { remove }: Decisions,
  target: FolderWalk,
  staging: Staging,
  name: string,
): Promise<void> => {
  for await (const batch of remove.entries()) {
    for (const { path, type } of batch) {
      try {
        if (type === 'dir') {
          target.forget(); // one of them may be it
          renameSync(target.at(path), staging.grave());
        } else unlinkSync(target.at(path));
      } catch (thrown) {
        if (errnoOf(thrown) === 'ENOENT') continue; // it went with a folder, or by itself
        throw stuck(name, messageOf(thrown), thrown);
      }
    }
    await setImmediate();
  }
  await staging.empty();
};

/** Puts a new folder in the place of one, with what is in it: so attributes go that it should not have. */
export const renewFolder = (path: Buffer, target: FolderWalk, staging: Staging): void => {
  target.forget();
  const [place, fresh] = [target.at(path), staging.grave()];
  mkdirSync(fresh, { mode: 0o700 });
  {
    using old = new FolderWalk(place);
    using next = new FolderWalk(fresh);
    for (const child of readdirSync(place, { encoding: 'buffer' })) renameSync(old.at(child), next.at(child));
  }
  renameSync(place, staging.grave());
  renameSync(fresh, place);
};
