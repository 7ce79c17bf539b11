import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSchema } from '../../src/base/schema.ts';
import { finishCopy } from '../../src/copy/finish.ts';
import { sumOthers } from '../../src/copy/others.ts';
import { copyTree } from '../../src/copy/tree.ts';
import type { Copied, CopyResult, CopyTask } from '../../src/copy/types.ts';
import { ChecksumWriter } from '../../src/snapshot/checksums.ts';
import { FileHasher } from '../../src/snapshot/hashing.ts';
import { bindPath, volumePath } from '../../src/snapshot/layout.ts';
import { writeManifest } from '../../src/snapshot/manifest.ts';
import type { Manifest, ManifestMount } from '../../src/snapshot/types.ts';

/** The example in the published schema. */
export const exampleManifest = (): Manifest =>
  structuredClone((loadSchema('manifest.schema.json').schema as { examples: [Manifest] }).examples[0]);

export const volumeTask = (name: string, source: string): CopyTask => ({
  kind: 'volume',
  name,
  source,
  path: volumePath(name),
  method: 'host',
});

export const bindTask = (source: string): CopyTask => ({
  kind: 'bind',
  name: source,
  source,
  path: bindPath(source),
  method: 'host',
});

/** What a manifest says of a copy. */
export const mountOf = (result: CopyResult): ManifestMount => {
  const { task, form, entries, files, bytes, lost, index, parts, settled } = result;
  return {
    ...(exampleManifest().mounts[0] as ManifestMount),
    kind: task.kind,
    name: task.name,
    path: task.path,
    form,
    method: task.method,
    source: task.source,
    entries,
    files,
    bytes,
    lost,
    index,
    ...(parts && { parts }),
    ...(settled === undefined ? {} : { settled: String(settled) }),
  };
};

/** What a run does once the services are back: counts, hashes, sums, manifest. `live`: somebody wrote on. */
export const completeSnapshot = async (
  folder: string,
  copies: readonly Copied[],
  live = false,
): Promise<readonly CopyResult[]> => {
  await using sums = await ChecksumWriter.create(join(folder, 'SHA256SUMS'));
  await using hasher = new FileHasher(folder);
  const results: CopyResult[] = [];
  for (const copied of copies)
    results.push(await finishCopy(copied, { snapshot: folder, sums, hasher, live }));
  await sumOthers(folder, sums, hasher, []);
  const sha256 = await sums.finish();
  await writeManifest(folder, {
    ...exampleManifest(),
    mounts: results.map(mountOf),
    sums: { path: 'SHA256SUMS', sha256 },
  });
  return results;
};

/** A small but complete snapshot of these sources, with a dump and a compose file. */
export const makeSnapshot = async (
  folder: string,
  tasks: readonly CopyTask[],
): Promise<readonly CopyResult[]> => {
  await mkdir(join(folder, 'dumps/db'), { recursive: true });
  await mkdir(join(folder, 'compose'));
  await writeFile(join(folder, 'dumps/db/orders.dump'), 'PGDMP and more');
  await writeFile(join(folder, 'compose/compose.json'), '{}');
  const copies: Copied[] = [];
  for (const task of tasks) copies.push(await copyTree(task, folder, { bytes: 0 }));
  return await completeSnapshot(folder, copies);
};

/** Makes SHA256SUMS, and the manifest's word on it, agree with what somebody changed by hand. */
export const rewriteSums = async (folder: string, text: Buffer): Promise<void> => {
  await writeFile(join(folder, 'SHA256SUMS'), text);
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  const sha256 = createHash('sha256').update(text).digest('hex');
  await writeManifest(folder, { ...manifest, sums: { path: 'SHA256SUMS', sha256 } });
};
