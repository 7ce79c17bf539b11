import { link } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolderIn, removeTree } from '../../base/disk.ts';
import { messageOf } from '../../base/errors.ts';
import type { RecordEntry } from '../../snapshot/entries/records.ts';
import { readIndex } from '../../snapshot/index-file.ts';
import { partPath, sourceRecordsPath, workPath } from '../../snapshot/layout.ts';
import { listArchive } from '../archive/archive.ts';
import { Fingerprint } from '../changes/fingerprint.ts';
import { captureChanges, fingerprintsOf } from '../changes/pass.ts';
import { Seen } from '../changes/seen.ts';
import { takeStamp } from '../changes/stamp.ts';
import { sourceOf } from '../tree.ts';
import type { CopyTask } from '../types.ts';
import { asRecords, knownFrom } from './known.ts';
import type { Base, WarmArchive } from './types.ts';
import { longPassMs, mostPasses, type WarmOptions } from './warm.ts';

/** The files of the earlier archive under their names here: not a byte is copied. */
const linkParts = async (base: Base, task: CopyTask, snapshot: string): Promise<void> => {
  for (const [number, part] of base.parts.entries())
    await link(join(base.folder, part.path), join(snapshot, partPath(task.path, number)));
};

/** What an earlier archive has, or nothing when it cannot be used. */
const begin = async (
  task: CopyTask,
  snapshot: string,
  fingerprint: Fingerprint,
  { base, onBaseLost }: Pick<WarmOptions, 'base' | 'onBaseLost'>,
): Promise<Pick<WarmArchive, 'seen' | 'since' | 'base'>> => {
  if (base !== undefined)
    try {
      const seen = await knownFrom(base.index, fingerprint);
      await linkParts(base, task, snapshot);
      return { seen, since: base.settled, base };
    } catch (error) {
      onBaseLost(messageOf(error));
      for (const number of base.parts.keys()) await removeTree(join(snapshot, partPath(task.path, number)));
    }
  return { seen: new Seen(), since: 0n, base: undefined };
};

/** Begins an archive of a directory of this host: what an earlier one has is shared, nothing is copied yet. */
export const openArchive = async (
  task: CopyTask,
  snapshot: string,
  options: Pick<WarmOptions, 'base' | 'onBaseLost'>,
): Promise<WarmArchive> => {
  const source = await sourceOf(task);
  await makeFolderIn(dirname(join(snapshot, task.path)));
  await makeFolderIn(workPath(snapshot));
  const fingerprint = new Fingerprint();
  const known = await begin(task, snapshot, fingerprint, options);
  return { form: 'archive', task, source, fingerprint, copied: undefined, layers: [], ...known };
};

/** What the archive has, of its base and its layers; without hard links, which are copied again then. */
async function* inArchive(
  base: Base | undefined,
  layers: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly RecordEntry[], void, void> {
  if (base !== undefined) yield* readIndex(base.index);
  for (const layer of layers)
    for await (const batch of listArchive(layer, signal))
      yield batch.filter(({ type, target }) => type !== 'file' || target === undefined);
}

/** Looks for what is not in the archive yet, while the source is in use, and lays it over what is. */
const addLayer = async (
  warm: WarmArchive,
  snapshot: string,
  { signal, pace }: Pick<WarmOptions, 'signal' | 'pace'>,
): Promise<WarmArchive> => {
  const { task, source, fingerprint, base } = warm;
  const number = warm.layers.length;
  const stamp = await takeStamp(workPath(snapshot), { flush: source, ...(signal && { signal }) });
  const { captured, seen } = await captureChanges(warm, {
    into: `${sourceRecordsPath(snapshot, task.path)}.warm.${number}`,
    live: true,
    archiveOnly: true,
    pace,
    signal,
  });
  await stamp.assertForward();
  const layers = captured.archive === undefined ? warm.layers : [...warm.layers, captured.archive];
  // What went under tar's hands and came back may look as it did before, and not be there.
  const copied =
    captured.torn || warm.copied !== undefined
      ? await fingerprintsOf(asRecords(inArchive(base, layers, signal)), fingerprint, 'copy')
      : undefined;
  return { ...warm, seen, copied, since: stamp.since, layers };
};

/**
 * Archives a directory of this host while it is in use: what an earlier archive has is shared, the rest is
 * laid aside. The archive is not consistent: `captureDelta` has to follow once nobody writes any more, and
 * `finishCopy` makes one file of the layers. Rejects with `copy-failed`.
 */
export const warmArchive = async (
  task: CopyTask,
  snapshot: string,
  options: WarmOptions,
): Promise<WarmArchive> => {
  let warm = await openArchive(task, snapshot, options);
  let took = Number.POSITIVE_INFINITY;
  for (let pass = 1; pass <= mostPasses && took > longPassMs; pass++) {
    const from = performance.now();
    warm = await addLayer(warm, snapshot, options);
    took = performance.now() - from;
  }
  options.onProgress?.(options.bytes);
  return warm;
};
