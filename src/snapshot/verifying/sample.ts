import type { VerifyOptions } from './options.ts';

/** 32 bits of FNV-1a: cheap, and even enough to divide names into shares. */
const hashOf = (path: Uint8Array): number => {
  let hash = 0x811c9dc5;
  for (const byte of path) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
};

/** Small, and what all else is compared with. */
const always = Buffer.from('index/');

/**
 * Whether the content of a file (path below the snapshot) belongs to a share. A path is always in the same one,
 * whatever else there is, and in exactly one.
 */
const isInSample = (path: Buffer, sample: { readonly part: number; readonly of: number } | undefined) =>
  sample === undefined ||
  path.subarray(0, always.length).equals(always) ||
  hashOf(path) % sample.of === sample.part;

const slash = 0x2f;

const lies = (path: Buffer, at: Buffer): boolean =>
  path.subarray(0, at.length).equals(at) && (path.length === at.length || path[at.length] === slash);

/** Whether the content of a file is read: it belongs to the share, and is of no copy that somebody else reads. */
export const isRead = (path: Buffer, options: Pick<VerifyOptions, 'sample' | 'readElsewhere'>): boolean =>
  isInSample(path, options.sample) && !options.readElsewhere?.some((at) => lies(path, at));
