import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Not through a link, and never waiting for whoever writes into a pipe. */
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The bytes of a file that somebody else may have put there. Rejects with what the system says, or an error of
 * its own when it is a link, no file at all, or larger than `most` bytes.
 */
export const readPlainFile = async (path: string, most: number): Promise<Buffer> => {
  await using file = await open(path, flags);
  const status = await file.stat();
  if (!status.isFile()) throw new Error('it is no file');
  if (status.size > most) throw new Error('it is far too long');
  return await file.readFile();
};
