import { join } from 'node:path';
import { readChecksums } from '../checksums.ts';
import { sumsName } from '../layout.ts';

/** More than a snapshot has of what is asked for; one that has more was made to. */
const most = 100_000;

/** What SHA256SUMS says of the files whose path (below the snapshot, as Latin-1) is wanted. */
export const sumsOf = async (
  folder: string,
  isWanted: (path: string) => boolean,
): Promise<ReadonlyMap<string, string>> => {
  const found = new Map<string, string>();
  for await (const lines of readChecksums(join(folder, sumsName)))
    for (const line of lines) {
      if ('line' in line) continue;
      const path = line.path.toString('latin1');
      if (isWanted(path) && found.size < most) found.set(path, line.sha256);
    }
  return found;
};
