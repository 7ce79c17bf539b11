import { mkdirSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { errnoOf, messageOf } from '../../../base/errors.ts';
import { printable } from '../../../snapshot/entries/records.ts';
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

/** All of it, or nothing: what is left in a grave is thrown away. */
const moveContent = (place: Buffer, fresh: Buffer): void => {
  using old = new FolderWalk(place);
  using next = new FolderWalk(fresh);
  const moved: Buffer[] = [];
  try {
    for (const child of readdirSync(place, { encoding: 'buffer' })) {
      renameSync(old.at(child), next.at(child));
      moved.push(child);
    }
  } catch (thrown) {
    for (const child of moved) renameSync(next.at(child), old.at(child));
    throw thrown;
  }
};

/** Puts a new folder in the place of one, with what is in it: so attributes go that it should not have. */
export const renewFolder = (path: Buffer, target: FolderWalk, staging: Staging, name: string): void => {
  target.forget();
  const [place, fresh] = [target.at(path), staging.grave()];
  try {
    mkdirSync(fresh, { mode: 0o700 });
    moveContent(place, fresh);
    renameSync(place, staging.grave());
    renameSync(fresh, place);
  } catch (thrown) {
    throw stuck(name, `${printable(path)}: ${messageOf(thrown)}`, thrown);
  }
};
