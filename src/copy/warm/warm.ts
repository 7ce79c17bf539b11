import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolderIn, removeTree } from '../../base/disk.ts';
import { messageOf } from '../../base/errors.ts';
import type { Pace } from '../../base/process/pace.ts';
import { sortRecords } from '../../snapshot/entries/records.ts';
import { sourceRecordsPath, workPath } from '../../snapshot/layout.ts';
import { applyCaptured } from '../changes/apply.ts';
import { Fingerprint } from '../changes/fingerprint.ts';
import { captureChanges, fingerprintsOf } from '../changes/pass.ts';
import type { Seen } from '../changes/seen.ts';
import { takeStamp } from '../changes/stamp.ts';
import type { Cloning } from '../large/copy-command.ts';
import { type CopyOptions, copyWith, sourceOf } from '../tree.ts';
import type { CopyTask } from '../types.ts';
import { recordWalk, streamRecords } from '../walk.ts';
import { canReflink, cloneTree, cloningOf } from './clone.ts';
import { knownFrom } from './known.ts';
import type { Base, WarmTree } from './types.ts';

export interface WarmOptions extends CopyOptions {
  /** What the source was measured to hold; progress ends there. */
  readonly bytes: number;
  readonly base: Base | undefined;
  /** Told why the base could not be used; everything is copied then. */
  readonly onBaseLost: (why: string) => void;
  /** Holds what is copied while services run to a rate. */
  readonly pace?: Pace | undefined;
}

/** A pass that took longer is followed by another: so much less is left for the time without services. */
export const longPassMs = 10_000;
export const mostPasses = 3;

/** What lies in the copy, as fingerprints and as sorted records. */
const takeStock = async (copy: string, file: string, fingerprint: Fingerprint, signal?: AbortSignal) => {
  await recordWalk(copy, file, signal);
  const copied = await fingerprintsOf(createReadStream(file), fingerprint, 'copy');
  await sortRecords(file, signal);
  return { copied, before: file };
};

/** Makes the copy out of an earlier one; undefined, and nothing left of it, when that cannot be. */
const fromBase = async (
  base: Base,
  copy: string,
  fingerprint: Fingerprint,
  options: WarmOptions & { readonly reflink: boolean },
): Promise<Seen | undefined> => {
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  try {
    const seen = await knownFrom(base.index, fingerprint);
    const { reflink } = options;
    const { why } = await cloneTree(join(base.folder, base.path), copy, { reflink, ...signal });
    if (why === undefined) return seen;
    options.onBaseLost(why);
  } catch (error) {
    options.signal?.throwIfAborted();
    options.onBaseLost(messageOf(error));
  }
  await removeTree(copy);
  return undefined;
};

interface Start {
  readonly seen: Seen;
  readonly since: bigint;
  readonly base: Base | undefined;
}

/** The copy as it is before the first look for changes: shared with an earlier one, or copied whole. */
const begin = async (
  source: string,
  copy: string,
  snapshot: string,
  fingerprint: Fingerprint,
  options: WarmOptions & { readonly reflink: boolean; readonly cloning: Cloning | undefined },
): Promise<Start> => {
  const { base, signal } = options;
  const shared = base && (await fromBase(base, copy, fingerprint, options));
  if (shared !== undefined && base !== undefined) return { seen: shared, since: base.settled, base };
  const stamp = await takeStamp(workPath(snapshot), { flush: source, ...(signal && { signal }) });
  const seen = await fingerprintsOf(
    streamRecords(source, { live: true, ...(signal && { signal }) }),
    fingerprint,
    'source',
  );
  await stamp.assertForward();
  await copyWith(source, copy, options.bytes, { ...options, live: true });
  return { seen, since: stamp.since, base: undefined };
};

/** Looks for changes since the last look, and brings the copy up to them. */
const passAgain = async (
  warm: WarmTree,
  snapshot: string,
  { signal, pace }: Pick<WarmOptions, 'signal' | 'pace'>,
): Promise<WarmTree> => {
  const { task, source, fingerprint, cloning } = warm;
  const copy = join(snapshot, task.path);
  const records = `${sourceRecordsPath(snapshot, task.path)}.warm`;
  const after = `${records}.now`;
  const stamp = await takeStamp(workPath(snapshot), { flush: source, ...(signal && { signal }) });
  const { captured, seen } = await captureChanges(warm, {
    records: after,
    into: `${records}.delta`,
    live: true,
    cloning,
    pace,
    signal,
  });
  await stamp.assertForward();
  await sortRecords(after, signal);
  await applyCaptured(captured, {
    copy,
    scratch: `${records}.scratch`,
    before: warm.before,
    after,
    ...(signal && { signal }),
  });
  await rm(after);
  const stock = await takeStock(copy, records, fingerprint, signal);
  return { ...warm, seen, since: stamp.since, ...stock };
};

/**
 * Copies a directory of this host while it is in use, to `<snapshot>/<task.path>`, sharing what did not
 * change since `base`. The copy is not consistent: `captureDelta` has to follow once nobody writes any more.
 * Rejects with `copy-failed` for everything that is not simply life going on in the source.
 */
export const warmTree = async (task: CopyTask, snapshot: string, options: WarmOptions): Promise<WarmTree> => {
  const copy = join(snapshot, task.path);
  const source = await sourceOf(task);
  const { signal } = options;
  await makeFolderIn(dirname(copy));
  await makeFolderIn(workPath(snapshot));
  const fingerprint = new Fingerprint();
  let from = performance.now();
  const reflink = await canReflink(workPath(snapshot));
  const cloning = await cloningOf(source, copy, reflink);
  const start = await begin(source, copy, snapshot, fingerprint, { ...options, reflink, cloning });
  const records = `${sourceRecordsPath(snapshot, task.path)}.warm`;
  const stock = await takeStock(copy, records, fingerprint, signal);
  let warm: WarmTree = { form: 'tree', task, source, fingerprint, cloning, ...start, ...stock };
  for (let pass = 1; pass <= mostPasses; pass++) {
    // What a base gave has not been compared with the source yet.
    const needed = (pass === 1 && start.base !== undefined) || performance.now() - from > longPassMs;
    if (!needed) break;
    from = performance.now();
    warm = await passAgain(warm, snapshot, options);
  }
  options.onProgress?.(options.bytes);
  return warm;
};
