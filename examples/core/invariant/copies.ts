import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest, ManifestMount } from '../../../src/snapshot/types.ts';
import { run } from './scratch-server.ts';

export const readManifest = async (snapshot: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(snapshot, 'manifest.json'), 'utf8')) as Manifest;

/** The mount that `service` sees at `destination`. */
const mountAt = (manifest: Manifest, service: string, destination: string): ManifestMount => {
  const found = manifest.mounts.find(({ users }) =>
    users.some((user) => user.service === service && user.destination === destination),
  );
  if (found === undefined) throw new Error(`the snapshot holds nothing of ${service}:${destination}`);
  return found;
};

/** An archive may carry the volume in a folder of its own; the data is where `landmark` lies. */
const rootWith = async (folder: string, landmark: RegExp): Promise<string> => {
  const names = await readdir(folder);
  if (names.some((name) => landmark.test(name))) return folder;
  for (const name of names) {
    const inner = await readdir(join(folder, name)).catch(() => []);
    if (inner.some((entry) => landmark.test(entry))) return join(folder, name);
  }
  throw new Error(`${folder} holds nothing that looks like ${landmark}`);
};

/**
 * A copy of what the snapshot holds of a mount, to be opened and written to: a server changes its files,
 * and opening an SQLite database alone removes its write-ahead log. Its folder below `scratch`.
 */
export const copyOf = async (
  snapshot: string,
  manifest: Manifest,
  scratch: string,
  place: { readonly service: string; readonly destination: string; readonly landmark: RegExp },
): Promise<string> => {
  const { path, form } = mountAt(manifest, place.service, place.destination);
  const copy = join(scratch, `${place.service}${place.destination.replaceAll('/', '-')}`);
  if (form === 'tree') {
    await run('cp', ['-a', '--', join(snapshot, path), copy]);
    return copy;
  }
  await mkdir(copy);
  await run('tar', ['--zstd', '--numeric-owner', '-xpf', join(snapshot, path), '-C', copy]);
  return rootWith(copy, place.landmark);
};
