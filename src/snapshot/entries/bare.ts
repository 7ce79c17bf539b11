import type { RecordEntry } from './records.ts';

/** A file of which nothing but its path is known; what else its source tells is added. */
export const bareFile = (path: Buffer): RecordEntry => ({
  path,
  type: 'file',
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  blocks: 0,
  mtimeNs: 0n,
  ctimeNs: 0n,
  inode: 0n,
  links: 1,
});
