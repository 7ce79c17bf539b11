import type { Pace } from '../../base/process/pace.ts';

/** Which blocks a copy of a large file can share, where it lies. */
export type Cloning =
  /** Those of the source: it lies on the same file system, and that can. */
  | { readonly from: 'source' }
  /** Those of an earlier copy of it, below this absolute folder; for files from this size on it pays. */
  | { readonly from: 'earlier'; readonly copy: string; readonly leastBytes: number };

/**
 * `cp`: `-a` keeps owners, modes, ns times, links, holes and ACLs; extended attributes are named besides,
 * because `-a` alone says nothing when it loses them (coreutils manual, "cp invocation"). One that is held to
 * a pace must read by itself: when the kernel copies for it, it cannot be told how much has been read.
 */
export const copyCommand = (cloning: Cloning | undefined, pace: Pace | undefined): readonly string[] => {
  const readsItself = pace !== undefined && cloning?.from !== 'source';
  return ['cp', '-a', '--preserve=xattr', ...(readsItself ? ['--reflink=never'] : [])];
};
