import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../run.ts';

const blockBytes = 4096;
const chunkBytes = 1024 * 1024;

/** Whether this kernel has XFS, on which files can share blocks; a module that is not loaded counts as none. */
export const hasReflinks = async (): Promise<boolean> =>
  (await readFile('/proc/filesystems', 'utf8')).split('\n').some((line) => line.trim() === 'xfs');

/** Makes a folder that is a disk of its own with XFS, with room for so many bytes. */
export const mountReflinks = async (
  folder: string,
  bytes: number,
  signal: AbortSignal,
): Promise<AsyncDisposable> => {
  const image = `${folder}.image`;
  await mkdir(folder, { mode: 0o700 });
  await run(['truncate', '-s', String(Math.ceil(bytes) + 512 * 1024 * 1024), image], { signal });
  await run(['mkfs.xfs', '-q', image], { signal });
  await run(['mount', '-o', 'loop,noatime', image, folder], { signal });
  return {
    [Symbol.asyncDispose]: async () => {
      await run(['umount', '--lazy', folder]);
      await run(['rm', '-f', image]);
    },
  };
};

const changedIn = async (before: string, after: string): Promise<number> => {
  await using is = await open(after);
  const was = await open(before).catch(() => undefined);
  const [one, other] = [Buffer.alloc(chunkBytes), Buffer.alloc(chunkBytes)];
  let changed = 0;
  try {
    for (let position = 0; ; position += chunkBytes) {
      const { bytesRead } = await is.read(one, 0, chunkBytes, position);
      const had = (await was?.read(other, 0, chunkBytes, position))?.bytesRead ?? 0;
      for (let at = 0; at < bytesRead; at += blockBytes) {
        const end = Math.min(at + blockBytes, bytesRead);
        if (end > had || !one.subarray(at, end).equals(other.subarray(at, end))) changed += end - at;
      }
      if (bytesRead < chunkBytes) return changed;
    }
  } finally {
    await was?.close();
  }
};

/** Bytes of the blocks in which the files of the second of two snapshots differ from those of the first. */
export const changedBlocks = async (backups: string): Promise<number> => {
  const [first = '', second = ''] = (await readdir(backups)).filter((name) => !name.startsWith('.')).sort();
  let changed = 0;
  for (const folder of ['volumes', 'binds']) {
    const entries = await readdir(join(backups, second, folder), {
      recursive: true,
      withFileTypes: true,
    }).catch(() => []);
    for (const entry of entries.filter((one) => one.isFile())) {
      const path = join(entry.parentPath, entry.name);
      changed += await changedIn(path.replace(join(backups, second), join(backups, first)), path);
    }
  }
  return changed;
};
