import { type FileHandle, open } from 'node:fs/promises';
import { errnoOf } from '../../base/errors.ts';

/** How a journal ends that names a journal over several databases (sqlite.org/fileformat.html, "super-journal"). */
const superJournal = Buffer.from('d9d505f920a163d7', 'hex');

const endOf = async (file: FileHandle): Promise<Buffer> => {
  const { size } = await file.stat();
  const end = Buffer.alloc(superJournal.length);
  await file.read(end, 0, end.length, Math.max(0, size - end.length));
  return end;
};

/**
 * Whether the journal of a database at `path` names another file: it can be one anywhere on this machine, which
 * SQLite reads and then removes. Nothing that comes out of a container is trusted with that.
 */
export const namesAnother = async (path: string): Promise<boolean> => {
  try {
    await using file = await open(`${path}-journal`, 'r');
    return (await endOf(file)).equals(superJournal);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return false;
    throw thrown;
  }
};
