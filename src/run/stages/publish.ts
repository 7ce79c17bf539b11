import { join } from 'node:path';
import { syncFileSystem } from '../../base/disk.ts';
import { finishCopy } from '../../copy/finish.ts';
import { sumOthers } from '../../copy/others.ts';
import type { Copied, CopyResult } from '../../copy/types.ts';
import type { HashedAhead } from '../../copy/warm/ahead.ts';
import type { BackupPlan } from '../../plan/types.ts';
import { ChecksumWriter } from '../../snapshot/checksums.ts';
import { sumsName } from '../../snapshot/layout.ts';
import { writeManifest } from '../../snapshot/manifest.ts';
import type { Manifest } from '../../snapshot/types.ts';
import type { RunContext } from '../context.ts';
import { inLanes } from './lanes.ts';

/** Containers of other projects may have written on: then a difference to the source is no failure. */
const isLive = (plan: BackupPlan, copied: Copied): boolean =>
  plan.copies.some((copy) => copy.task.path === copied.task.path && copy.mount.strangers.length > 0);

/** Mounts finished at a time: while one is listed, compared and indexed, the files of another are hashed. */
const atOnce = 2;

/** Bytes read of all mounts together, as one growing number; those of archives when each is finished. */
const progressOf = (context: RunContext, plan: BackupPlan) => {
  const of = plan.copies.reduce((sum, { size }) => sum + (size?.bytes ?? 0), 0);
  let hashed = 0;
  let archived = 0;
  const tell = (): void =>
    context.emit({ type: 'hash-progress', bytes: Math.min(hashed + archived, of), of });
  return {
    hashed: (bytes: number): void => {
      hashed = bytes;
      tell();
    },
    finished: ({ form, bytes }: CopyResult): void => {
      if (form === 'archive') archived += bytes;
      tell();
    },
  };
};

/** All copies in full, and the checksum of the list of checksums. */
interface Finished {
  readonly results: readonly CopyResult[];
  readonly sums: Manifest['sums'];
}

/** What was copied, and what of it was hashed meanwhile. */
interface Copies {
  readonly copied: readonly Copied[];
  readonly ahead: HashedAhead;
}

/**
 * Everything slow that could wait until the services were back: compares each copy with what its source
 * was, hashes, indexes, and writes SHA256SUMS over every file but itself and the manifest. Returns the
 * copies in full and the checksum of the list.
 */
const finishAll = async (
  context: RunContext,
  plan: BackupPlan,
  folder: string,
  { copied, ahead }: Copies,
): Promise<Finished> => {
  ahead.end();
  await using sums = await ChecksumWriter.create(join(folder, sumsName));
  const progress = progressOf(context, plan);
  const { hasher } = ahead;
  using _following = hasher.follow(progress.hashed);
  const results = await inLanes(copied, atOnce, context.signal, async (copy, signal) => {
    const live = isLive(plan, copy);
    const result = await finishCopy(copy, { snapshot: folder, sums, hasher, ahead, live, signal });
    for (const warning of result.warnings) context.warn(warning);
    progress.finished(result);
    return result;
  });
  const parts = results.flatMap((result) => result.parts ?? []);
  await sumOthers(folder, sums, hasher, parts, context.signal);
  return { results, sums: { path: sumsName, sha256: await sums.finish() } };
};

/**
 * Finishes the folder: hashes, checksums, manifest, and all of it flushed to the disk. The flush of the
 * copied bytes begins beside the hashing, which reads them from memory.
 */
export const finishFolder = async (
  context: RunContext,
  plan: BackupPlan,
  folder: string,
  copies: Copies,
  manifestFor: (finished: Finished) => Promise<Manifest>,
): Promise<Manifest> => {
  let finished: Finished | undefined;
  const work = [
    async (signal: AbortSignal): Promise<void> => {
      finished = await finishAll({ ...context, signal }, plan, folder, copies);
    },
    (signal: AbortSignal): Promise<void> => syncFileSystem(folder, signal),
  ];
  // Both have ended when this has: the folder of a run that failed is removed, and nobody writes in it then.
  await inLanes(work, work.length, context.signal, (one, signal) => one(signal));
  const manifest = await manifestFor(finished as unknown as Finished);
  await writeManifest(folder, manifest);
  await syncFileSystem(folder, context.signal);
  return manifest;
};
