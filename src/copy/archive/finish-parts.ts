import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { difference, type Row, sideBySide } from '../../snapshot/entries/compare.ts';
import { type RecordEntry, readPaths, readRecords, sortRecords } from '../../snapshot/entries/records.ts';
import { readIndex, writeIndex } from '../../snapshot/index-file.ts';
import { gonePath, indexPath, partPath, sourceRecordsPath } from '../../snapshot/layout.ts';
import { argumentOf } from '../changes/paths.ts';
import { PathSet } from '../changes/seen.ts';
import { Differences } from '../differences.ts';
import { isShared } from '../shared.ts';
import type { Copied, CopyResult } from '../types.ts';
import { TreeCount } from '../walk.ts';
import type { Base, Delta, Part } from '../warm/types.ts';
import { type Folded, foldLayers } from './fold.ts';
import { goneBefore, writeGone } from './gone.ts';

type ArchiveDelta = Delta & { readonly form: 'archive' };

export interface FinishPartsOptions {
  readonly snapshot: string;
  readonly live: boolean;
  readonly signal?: AbortSignal;
}

const wantedFrom = async (source: string): Promise<PathSet> => {
  const wanted = new PathSet();
  for await (const batch of readPaths(source)) for (const path of batch) wanted.add(path);
  return wanted;
};

/** The archive counts where somebody wrote on; what tells of changes since is the source's. */
const asKept = ({ ctimeNs, inode, links, blocks }: RecordEntry, kept: RecordEntry): RecordEntry => ({
  ...kept,
  ...{ ctimeNs, inode, links, blocks },
});

/** Says what stands where, and what of it is shared. */
class Placing {
  readonly #base: Base | undefined;
  readonly #part: number;
  readonly #differences: Differences;
  readonly shared = { files: 0, bytes: 0 };
  readonly lost = new Set<string>();

  constructor(base: Base | undefined, part: number, differences: Differences) {
    this.#base = base;
    this.#part = part;
    this.#differences = differences;
  }

  /** The line of the index for a path; undefined where nothing of it can be kept. */
  place([source, member, earlier]: Row): RecordEntry | undefined {
    if (source === undefined) return undefined;
    if (source.type === 'socket') {
      this.lost.add('sockets');
      return undefined;
    }
    if (source.type === 'file' && source.blocks * 512 < source.size - 4096) this.lost.add('holes');
    if (member !== undefined) return this.#fromMember(source, member);
    if (this.#base === undefined || earlier === undefined || !isShared(source, earlier, this.#base.settled)) {
      this.#differences.found(source.path, 'it is not in the archive');
      return undefined;
    }
    if (source.type === 'file') {
      this.shared.files++;
      this.shared.bytes += source.size;
    }
    return { ...source, ...earlier, blocks: source.blocks };
  }

  #fromMember(source: RecordEntry, member: RecordEntry): RecordEntry {
    const isLink = member.type === 'file' && member.target !== undefined;
    const { target: _, ...plain } = member;
    const kept = isLink ? { ...plain, size: source.size } : member;
    const differs = difference(source, kept);
    if (differs !== undefined) this.#differences.found(source.path, differs);
    return {
      ...(differs === undefined ? source : asKept(source, kept)),
      part: this.#part,
      ...(member.sha256 === undefined ? {} : { sha256: member.sha256 }),
      ...(isLink ? { target: member.target as Buffer } : {}),
    };
  }
}

/** The new part, unless nothing has changed; and the records of its members, sorted. */
const foldNew = async (
  copied: Copied,
  { layers, base }: ArchiveDelta,
  wanted: PathSet,
  members: string,
  { snapshot, signal }: FinishPartsOptions,
): Promise<(Folded & { readonly path: string }) | undefined> => {
  const path = partPath(copied.task.path, base?.parts.length ?? 0);
  const into = join(snapshot, path);
  const folded = await foldLayers({
    layers,
    wanted,
    into,
    members,
    ...(signal && { signal }),
  });
  await sortRecords(members, signal);
  for (const layer of layers) await rm(layer);
  if (folded.entries > 0 || base === undefined) return { ...folded, path };
  await rm(into);
  return undefined;
};

async function* nothing(): AsyncGenerator<readonly RecordEntry[], void, void> {}

/**
 * Makes an archive of what was laid aside, in one more file beside those shared with the base; compares it
 * with what the source was (`copy-failed` on the smallest difference) and indexes all of it.
 */
export const finishParts = async (
  copied: Copied,
  delta: ArchiveDelta,
  options: FinishPartsOptions,
): Promise<CopyResult> => {
  const { snapshot, live, signal } = options;
  const { task } = copied;
  const { base } = delta;
  const source = sourceRecordsPath(snapshot, task.path);
  const members = `${source}.members`;
  const wanted = await wantedFrom(source);
  // Both have ended when this has: nobody writes into the folder of a run that failed.
  const [sorted, fold] = await Promise.allSettled([
    sortRecords(source, signal),
    foldNew(copied, delta, wanted, members, options),
  ]);
  if (sorted.status === 'rejected') throw sorted.reason;
  if (fold.status === 'rejected') throw fold.reason;
  const folded = fold.value;
  const differences = new Differences(task, live);
  const placing = new Placing(base, base?.parts.length ?? 0, differences);
  const count = new TreeCount();
  const gone: Buffer[] = [];
  const entries = async function* () {
    const earlier = base === undefined ? nothing() : readIndex(base.index);
    const streams = [readRecords(source), readRecords(members), earlier, goneBefore(base)];
    for await (const rows of sideBySide(...streams)) {
      for (const [is, , was, went] of rows)
        if (is === undefined) gone.push(argumentOf(((was ?? went) as RecordEntry).path));
      const batch = rows.map((row) => placing.place(row)).filter((entry) => entry !== undefined);
      for (const entry of batch) count.add({ ...entry, identity: String(entry.inode) });
      yield batch;
    }
  };
  const index = indexPath(task.path);
  await mkdir(dirname(join(snapshot, index)), { recursive: true, mode: 0o700 });
  await writeIndex(join(snapshot, index), entries(), signal);
  const parts: readonly Part[] = [...(base?.parts ?? []), ...(folded === undefined ? [] : [partOf(folded)])];
  if (base !== undefined) await writeGone(gone, join(snapshot, gonePath(task.path)), signal);
  await Promise.all([rm(source), rm(members)]);
  let allocated = 0;
  for (const { path } of parts) allocated += (await stat(join(snapshot, path))).blocks * 512;
  return {
    ...copied,
    ...count.size,
    allocated,
    index,
    parts,
    ...(base && { shared: placing.shared }),
    lost: [...copied.lost, ...placing.lost],
    warnings: [...copied.warnings, ...differences.warnings],
  };
};

const partOf = ({ path, sha256, bytes }: Folded & { readonly path: string }): Part => ({
  path,
  sha256,
  bytes,
});
