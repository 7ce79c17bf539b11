import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, StackBackupError } from '../base/errors.ts';
import type { ChecksumWriter } from '../snapshot/checksums.ts';
import { printable } from '../snapshot/entries/records.ts';
import type { FileHasher, HashRequest } from '../snapshot/hashing.ts';
import { plainFolders, workPath } from '../snapshot/layout.ts';
import { walk } from './walk.ts';
import type { Part } from './warm/types.ts';

type Requests = AsyncGenerator<readonly HashRequest<Buffer>[], void, void>;

const listed = async (folder: string): Promise<readonly { name: string; isFile(): boolean }[]> => {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return [];
    throw thrown;
  }
};

/** Archives stand beside the trees. The names of both are the tool's own (`layout`). */
async function* archives(snapshot: string, known: ReadonlySet<string>): Requests {
  for (const folder of ['volumes', 'binds']) {
    const entries = await listed(join(snapshot, folder));
    const files = entries.filter(
      (entry) => entry.isFile() && entry.name.endsWith('.tar.zst') && !known.has(`${folder}/${entry.name}`),
    );
    yield files.map(({ name }) => {
      const path = Buffer.from(`${folder}/${name}`);
      return { item: path, path, size: 0 };
    });
  }
}

async function* plainFiles(snapshot: string, signal: AbortSignal | undefined): Requests {
  const there = new Set((await listed(snapshot)).map(({ name }) => name));
  for (const folder of plainFolders.filter((name) => there.has(name))) {
    for await (const batch of walk(join(snapshot, folder), signal ? { signal } : {})) {
      const odd = batch.find((entry) => entry.type !== 'file' && entry.type !== 'dir');
      if (odd !== undefined)
        throw new StackBackupError(
          'internal',
          `a ${odd.type} in ${folder} of the snapshot: ${printable(odd.path)}`,
        );
      yield batch
        .filter((entry) => entry.type === 'file')
        .map((entry) => {
          const path = Buffer.concat([Buffer.from(`${folder}/`), entry.path]);
          return { item: path, path, size: entry.size };
        });
    }
  }
}

/** Removes the folder of working files when nothing is in it any more. */
const tidy = async (snapshot: string): Promise<void> => {
  try {
    await rmdir(workPath(snapshot));
  } catch (thrown) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(thrown) ?? '')) throw thrown;
  }
};

/**
 * Adds to `sums` what no `finishCopy` did: archives (of `parts` the hashes are known), indexes, dumps, compose
 * files, logs. Call it when all
 * of them lie in the snapshot folder and nothing is finished any more; then `sums.finish()`, then the manifest.
 */
export const sumOthers = async (
  snapshot: string,
  sums: ChecksumWriter,
  hasher: FileHasher,
  parts: readonly Part[],
  signal?: AbortSignal,
): Promise<void> => {
  await tidy(snapshot);
  await sums.add(parts.map(({ path, sha256 }) => ({ path: Buffer.from(path), sha256 })));
  const requests = async function* (): Requests {
    yield* archives(snapshot, new Set(parts.map(({ path }) => path)));
    yield* plainFiles(snapshot, signal);
  };
  for await (const results of hasher.hash(requests())) {
    await sums.add(
      results.map(({ item, sha256, failure }) => {
        if (sha256 === undefined)
          throw new StackBackupError('copy-failed', `cannot read ${printable(item)}: ${failure ?? ''}`, {
            next: 'Look at the health of the disk that holds the backups.',
          });
        return { path: item, sha256 };
      }),
    );
  }
};
