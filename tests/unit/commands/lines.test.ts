import { describe, expect, it } from 'vitest';
import { entryLine } from '../../../src/commands/looking/lines.ts';
import type { RecordEntry } from '../../../src/snapshot/entries/records.ts';

const second = 1_000_000_000n;
const file = (mtimeNs: bigint) =>
  ({ type: 'file', mode: 0o644, uid: 0, gid: 0, size: 1, mtimeNs }) as RecordEntry;

describe('a line of `ls`', () => {
  it.each([
    [0n, ' 1970-01-01 00:00:00  x'],
    [-2_000_000_000n * second, ' 1906-08-16 20:26:40  x'],
    // `touch -d @9999999999999` makes such a file where times have 64 bits.
    [9_999_999_999_999n * second, ' @9999999999999  x'],
    [-9_999_999_999_999n * second, ' @-9999999999999  x'],
  ])('has every time that a file can have: %s', (mtimeNs, end) => {
    expect(entryLine(file(mtimeNs), 'x', 'UTC').trimEnd().endsWith(end)).toBe(true);
  });
});
