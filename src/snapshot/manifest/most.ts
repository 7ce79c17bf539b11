import type { ManifestMount } from '../types.ts';

/** Headers, names and attributes of one entry; beyond that they compress well. */
const entryBytes = 4096;
/** Text comes to a hundredth at best, and zeros to less: what has more of those was there once, and is gone. */
const mostRatio = 1024;
const slack = 256 * 1024 * 1024;

/**
 * The most that one file of an archive can unpack to, bytes, headers and all. Earlier files keep what was replaced
 * or removed since, of which the index says nothing; that is held against the size of the file itself, so that whoever
 * made it cannot choose how long reading it takes. Pure.
 */
export const mostUnpacked = (
  { bytes, entries }: Pick<ManifestMount, 'bytes' | 'entries'>,
  fileBytes: number,
): number => bytes + entries * entryBytes + fileBytes * mostRatio + slack;
