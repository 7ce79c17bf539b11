import { describe, expect, it } from 'vitest';
import { isShared } from '../../../src/copy/shared.ts';
import type { RecordEntry } from '../../../src/snapshot/entries/records.ts';

const entry: RecordEntry = {
  path: Buffer.from('a'),
  type: 'file',
  mode: 0o640,
  uid: 1,
  gid: 2,
  size: 100,
  blocks: 8,
  mtimeNs: 1000n,
  ctimeNs: 2000n,
  inode: 7n,
  links: 1,
};

const shared = (over: Partial<RecordEntry>, settled = 3000n): boolean =>
  isShared({ ...entry, ...over }, { ...entry, sha256: 'known' }, settled);

describe('isShared', () => {
  it('holds for an entry that nothing has touched', () => {
    expect(shared({})).toBe(true);
    expect(shared({ blocks: 16 })).toBe(true); // given out late, and says nothing of the content
  });

  it.each([
    ['size', { size: 101 }],
    ['mode', { mode: 0o600 }],
    ['owner', { uid: 3 }],
    ['group', { gid: 3 }],
    ['time of the content', { mtimeNs: 1001n }],
    ['time of the change alone', { ctimeNs: 2001n }],
    ['inode alone', { inode: 8n }],
    ['number of links', { links: 2 }],
    ['type', { type: 'fifo' }],
  ] as const)('does not hold for another %s', (_, over) => {
    expect(shared(over)).toBe(false);
  });

  it('does not hold for what changed when it was copied, or later, even if it looks the same', () => {
    expect(shared({}, 2000n)).toBe(false);
    expect(shared({}, 2001n)).toBe(true);
    expect(shared({}, 0n)).toBe(false);
  });

  it('does not mind that an archive knows the name which carries the bytes of a hard link', () => {
    const earlier = { ...entry, links: 2, target: Buffer.from('first') };
    expect(isShared({ ...entry, links: 2 }, earlier, 3000n)).toBe(true);
  });
});
