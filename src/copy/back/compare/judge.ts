import { difference } from '../../../snapshot/entries/compare.ts';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import type { LinkGroup } from '../wanted/links.ts';

/**
 * What is known of an entry that is in the snapshot and in the target.
 * `same`: certainly · `likely`: all that a walk sees is equal · `owner`: all but owner and mode ·
 * `metadata`: a folder that is there · `other`: it has to be made anew.
 */
export type Likeness = 'same' | 'likely' | 'owner' | 'metadata' | 'other';

/** The hard-linked files of the target, from a walk of it. */
export class TargetLinks {
  readonly #inodes = new Map<string, bigint>();
  readonly #names = new Map<bigint, number>();

  add({ type, path, inode, links }: RecordEntry): void {
    if (links <= 1 || type === 'dir') return;
    this.#inodes.set(path.toString('latin1'), inode);
    this.#names.set(inode, (this.#names.get(inode) ?? 0) + 1);
  }

  /**
   * Whether the names of a file are those that the snapshot has, and no other, in the target or outside:
   * what somebody else holds too is not written into, and not kept.
   */
  areLike(group: LinkGroup | undefined, found: RecordEntry): boolean {
    const names = group?.names.length ?? 1;
    if (found.links !== names) return false;
    if (names === 1) return true;
    if (this.#names.get(found.inode) !== names) return false;
    return group?.names.every((name) => this.#inodes.get(name) === found.inode) === true;
  }
}

export interface Knowledge {
  readonly links: ReadonlyMap<string, LinkGroup>;
  readonly targetLinks: TargetLinks;
  /** Entries of the snapshot's index that changed before this (ns since 1970) were copied as they were. */
  readonly settled: bigint;
}

/**
 * It is the very inode that was copied, and nothing touched it since: change times cannot be set by programs.
 * That tells of its names, attributes and ACL as well.
 */
const isUntouched = (wanted: RecordEntry, found: RecordEntry, settled: bigint): boolean =>
  wanted.ctimeNs < settled &&
  wanted.ctimeNs === found.ctimeNs &&
  wanted.inode === found.inode &&
  wanted.type === found.type;

/** Compares as far as a walk of the target can tell. Times of change are trusted, times of modification never. */
export const judge = (wanted: RecordEntry, found: RecordEntry, knowledge: Knowledge): Likeness => {
  const { links, targetLinks, settled } = knowledge;
  if (wanted.type !== found.type) return 'other';
  const isAlike = difference(wanted, found) === undefined;
  const group = links.get(wanted.path.toString('latin1'));
  // A name may have gone with a folder that was moved: the file itself does not tell.
  const hasNames = group === undefined || targetLinks.areLike(group, found);
  if (isAlike && hasNames && isUntouched(wanted, found, settled)) return 'same';
  if (wanted.type === 'dir') return isAlike ? 'likely' : 'metadata';
  // Which device a node stands for, a walk does not tell.
  if (wanted.type === 'block' || wanted.type === 'char') return 'other';
  if (!targetLinks.areLike(group, found)) return 'other';
  if (isAlike) return wanted.type === 'socket' ? 'same' : 'likely';
  const { uid, gid, mode } = wanted;
  const isOwner = difference(wanted, { ...found, uid, gid, mode }) === undefined;
  return isOwner && wanted.type === 'file' ? 'owner' : 'other';
};
