import { cp, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { finishCopy } from '../../../src/copy/finish.ts';
import { sumOthers } from '../../../src/copy/others.ts';
import { copyTree } from '../../../src/copy/tree.ts';
import { ChecksumWriter } from '../../../src/snapshot/checksums.ts';
import { FileHasher } from '../../../src/snapshot/hashing.ts';
import { readManifest, writeManifest } from '../../../src/snapshot/manifest.ts';
import type { ManifestMount } from '../../../src/snapshot/types.ts';

/** Does something to the tree of one mount. */
export type Damage = (mount: ManifestMount, tree: string) => Promise<void>;

/**
 * A copy of a snapshot in another backups folder whose data was damaged *before* it was indexed and summed: it
 * is whole in itself, and only what the manifest tells of the data (counts, rows, answers) does not fit.
 */
export const damagedCopy = async (snapshot: string, backups: string, damage: Damage): Promise<string> => {
  const folder = join(backups, basename(snapshot));
  const sources = join(backups, '.sources');
  await mkdir(sources, { recursive: true });
  await mkdir(folder);
  const manifest = await readManifest(snapshot);
  for (const part of ['dumps', 'compose'])
    await cp(join(snapshot, part), join(folder, part), { recursive: true });
  await using sums = await ChecksumWriter.create(join(folder, 'SHA256SUMS'));
  await using hasher = new FileHasher(folder);
  for (const [at, mount] of manifest.mounts.entries()) {
    const { kind, name, path } = mount;
    const scratch = join(sources, String(at));
    await copyTree({ kind, name, path: String(at), source: join(snapshot, path), method: 'host' }, sources, {
      bytes: 0,
    });
    await damage(mount, scratch);
    const copied = await copyTree({ kind, name, path, source: scratch, method: 'host' }, folder, {
      bytes: 0,
    });
    await finishCopy(copied, { snapshot: folder, sums, hasher });
  }
  await sumOthers(folder, sums, hasher, []);
  await writeManifest(folder, { ...manifest, sums: { path: 'SHA256SUMS', sha256: await sums.finish() } });
  return folder;
};
