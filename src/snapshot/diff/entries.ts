import { ascending, sideBySide } from '../entries/compare.ts';
import type { RecordEntry } from '../entries/records.ts';
import { readIndexOf } from '../index-file.ts';
import type { ManifestMount } from '../types.ts';

/** A mount as one snapshot has it. */
export interface Side {
  /** Absolute path of the snapshot. */
  readonly folder: string;
  readonly mount: ManifestMount;
}

/** One path that is not the same in both. */
export interface EntryChange {
  /** `content`: other bytes, another type or link target · `metadata`: owner, mode or time alone. */
  readonly kind: 'added' | 'removed' | 'content' | 'metadata';
  readonly path: Buffer;
  readonly before?: RecordEntry;
  readonly after?: RecordEntry;
  /** Which of them: `type`, `bytes`, `target`, `owner`, `group`, `mode`, `time`. */
  readonly what: readonly string[];
}

const sameBytes = (a: Buffer | undefined, b: Buffer | undefined): boolean =>
  a === b || (a !== undefined && b?.equals(a) === true);

/** In an archive some names of a hard-linked file have no bytes of their own to tell apart. */
const hasOtherBytes = (a: RecordEntry, b: RecordEntry): boolean => {
  if (a.type !== 'file' || b.type !== 'file') return false;
  if (a.sha256 !== undefined && b.sha256 !== undefined) return a.sha256 !== b.sha256;
  const isAlias = a.target !== undefined || b.target !== undefined;
  return !isAlias && a.size !== b.size;
};

/** Times of folders move with everything that comes and goes in them, which is told already. */
const hasOtherTime = (a: RecordEntry, b: RecordEntry, unit: bigint): boolean =>
  a.type !== 'dir' && a.mtimeNs / unit !== b.mtimeNs / unit;

const differing = (a: RecordEntry, b: RecordEntry, unit: bigint): readonly string[] => [
  ...(a.type === b.type ? [] : ['type']),
  ...(hasOtherBytes(a, b) ? ['bytes'] : []),
  ...(a.type === 'symlink' && b.type === 'symlink' && !sameBytes(a.target, b.target) ? ['target'] : []),
  ...(a.uid === b.uid ? [] : ['owner']),
  ...(a.gid === b.gid ? [] : ['group']),
  ...(a.mode === b.mode ? [] : ['mode']),
  ...(hasOtherTime(a, b, unit) ? ['time'] : []),
];

const ofContent = new Set(['type', 'bytes', 'target']);

const changeOf = (
  before: RecordEntry | undefined,
  after: RecordEntry | undefined,
  unit: bigint,
): EntryChange | undefined => {
  if (before === undefined) return after && { kind: 'added', path: after.path, after, what: [] };
  if (after === undefined) return { kind: 'removed', path: before.path, before, what: [] };
  const what = differing(before, after, unit);
  if (what.length === 0) return undefined;
  const kind = what.some((one) => ofContent.has(one)) ? 'content' : 'metadata';
  return { kind, path: after.path, before, after, what };
};

const indexOf = ({ folder, mount }: Side) => ascending(readIndexOf(folder, mount));

/** What came through the engine has whole seconds alone. */
const unitOf = (...sides: readonly Side[]): bigint =>
  sides.some(({ mount }) => mount.lost.includes('ns-times')) ? 1_000_000_000n : 1n;

/**
 * What is not the same in a mount of two snapshots, path by path in the order of the indexes, from these alone.
 * Constant memory. Rejects with `verify-failed` when an index is damaged.
 */
export async function* diffMount(
  before: Side,
  after: Side,
): AsyncGenerator<readonly EntryChange[], void, void> {
  const unit = unitOf(before, after);
  for await (const rows of sideBySide(indexOf(before), indexOf(after))) {
    const changes = rows.flatMap(([a, b]) => changeOf(a, b, unit) ?? []);
    if (changes.length > 0) yield changes;
  }
}
