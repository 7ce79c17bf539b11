import { lstat, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, StackBackupError } from '../../base/errors.ts';
import { printable, type RecordEntry, sortRecords } from '../../snapshot/entries/records.ts';
import { recordWalk } from '../walk.ts';
import { compare } from './compare/compare.ts';
import { Decisions } from './compare/decisions.ts';
import { assertOneFileSystem } from './compare/nested.ts';
import { planThrough, putThrough } from './engine/through.ts';
import { ArchiveFiller } from './fill/archive.ts';
import type { Filler } from './fill/filler.ts';
import { TreeFiller } from './fill/tree.ts';
import { carryOut } from './place/carry-out.ts';
import { replaceFile } from './place/single.ts';
import { discard } from './place/staging.ts';
import { stuck } from './trouble.ts';
import type { BackOptions, BackPlan, BackResult, BackSource, BackTarget } from './types.ts';
import { Narrowing } from './wanted/narrow.ts';
import { type Wanted, wantedOf } from './wanted/wanted.ts';

export type { BackOptions, BackPlan, BackResult, BackSource, BackTarget, Change } from './types.ts';

/** What is to be done in a folder of this host, and what it is done with. */
export interface Decided {
  readonly source: BackSource;
  /** Absolute path of the target. */
  readonly target: string;
  readonly wanted: Wanted;
  readonly narrowing: Narrowing;
  readonly decisions: Decisions;
  readonly filler: Filler;
  /** A folder for working files. */
  readonly work: string;
}

/** A bind may be of a single file. */
const assertIs = async (type: Wanted['type'], target: string): Promise<void> => {
  const found = await lstat(target).catch((thrown: unknown) => {
    throw stuck(target, messageOf(thrown), thrown);
  });
  if (type === 'dir' && !found.isDirectory()) throw stuck(target, 'it is no folder');
  if (type === 'file' && !found.isFile()) throw stuck(target, 'it is no file');
};

const unknownPaths = (narrowing: Narrowing, source: BackSource): void => {
  const [first] = narrowing.missing;
  if (first === undefined) return;
  throw new StackBackupError('usage', `${printable(first)} is not in the copy of ${source.mount.name}`, {
    next: 'See what is in it with `stack-backup ls`.',
  });
};

const settled = <T>(result: PromiseSettledResult<T>): T => {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
};

/** Decides what differs, then hands it to `work`; cleans up behind it. */
const decided = async <T>(
  source: BackSource,
  target: string,
  options: BackOptions,
  work: (decided: Decided) => Promise<T>,
): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'stack-backup-back-'));
  try {
    const narrowing = new Narrowing(options.paths);
    const present = join(folder, 'present');
    // Side by side: one reads the snapshot, the other the target. What the first says comes first.
    const [reading, walking] = await Promise.allSettled([
      wantedOf(source, narrowing),
      recordWalk(target, present, options.signal),
    ]);
    const wanted = settled(reading);
    unknownPaths(narrowing, source);
    await assertIs(wanted.type, target);
    settled(walking);
    await sortRecords(present, options.signal);
    const decisions = new Decisions(folder, narrowing, options.onChange ?? (() => undefined));
    const filler =
      source.mount.form === 'tree'
        ? new TreeFiller(source, decisions.make, wanted)
        : new ArchiveFiller(source, decisions.make, wanted);
    const marks = (entries: readonly RecordEntry[]) => filler.marks(entries, options.signal);
    await compare({ source, wanted, narrowing, target, present, work: folder, options, marks }, decisions);
    await assertOneFileSystem(target, present, decisions, source.mount.name);
    return await work({ source, target, wanted, narrowing, decisions, filler, work: folder });
  } finally {
    await discard(folder, false);
  }
};

/** The same for what is reached through the engine. */
const throughEngine = async <T>(
  source: BackSource,
  options: BackOptions,
  work: (wanted: Wanted, folder: string) => Promise<T>,
): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'stack-backup-back-'));
  try {
    return await work(await wantedOf(source, new Narrowing(options.paths)), folder);
  } finally {
    await discard(folder, false);
  }
};

/**
 * What `putBack` would change, entry by entry to `onChange`. Changes nothing. Rejects with `verify-failed`
 * when the snapshot cannot be put back at all, `usage` for a path that it does not have.
 */
export const planBack = (
  source: BackSource,
  target: BackTarget,
  options: BackOptions = {},
): Promise<BackPlan> =>
  target.kind === 'host'
    ? decided(source, target.path, options, async ({ decisions }) => decisions.plan)
    : throughEngine(source, options, (wanted, folder) =>
        planThrough(wanted, target, folder, options, source.mount.name),
      );

/**
 * Makes one target what the snapshot has of one mount, or of some paths in it: writes what differs, removes
 * what the snapshot does not have, and looks at all of it again at the end, content and metadata. Nobody may
 * use the target meanwhile. No file of it is written into where it lies: a new one takes its place, so
 * whoever shares the old one keeps it, or a large one that nobody shares is patched aside (`Patcher`). Killed
 * or failed half-way, it can be called again and goes on. Rejects with `verify-failed` (the snapshot is
 * damaged, or means harm), `copy-failed` (the target does not take it), `interrupted`. It is not flushed to
 * disk.
 */
export const putBack = async (
  source: BackSource,
  target: BackTarget,
  options: BackOptions = {},
): Promise<BackResult> => {
  if (target.kind === 'api')
    return throughEngine(source, options, async (wanted, folder) => ({
      ...(await putThrough(source, wanted, target, folder, options)),
      lost: ['holes', 'sockets'],
    }));
  return decided(source, target.path, options, async (all) => ({
    ...all.decisions.plan,
    lost: all.decisions.isNothing
      ? []
      : await (all.wanted.type === 'dir' ? carryOut : replaceFile)(all, options),
  }));
};
