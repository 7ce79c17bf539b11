import { printable, type RecordEntry } from '../../../snapshot/entries/records.ts';
import type { EntryType } from '../../types.ts';
import { blockSize, damaged, numberAt, rawName, text } from './header.ts';
import { decimalNs } from './pax.ts';

const typeOfFlag: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'file',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
};

const withoutSlash = (path: Buffer): Buffer => {
  let end = path.length;
  while (end > 1 && path[end - 1] === 0x2f) end--;
  return path.subarray(0, end);
};

type Pax = ReadonlyMap<string, Buffer>;

const typeOf = (flag: string, name: Buffer, pax: Pax): EntryType => {
  const type = name.at(-1) === 0x2f && flag <= '0' ? 'dir' : typeOfFlag[flag];
  if (type === undefined || [...pax.keys()].some((key) => key.startsWith('GNU.sparse.')))
    throw damaged(`${printable(name)} is of a kind that is not understood`);
  return type;
};

/** Where a header has them, and how many bytes long. */
const numbered = { size: [124, 12], uid: [108, 8], gid: [116, 8] } as const;

/** What a member is, by its header and the PAX records that hold for it. A hard link is a file without content. */
export const memberOf = (block: Buffer, pax: Pax): RecordEntry => {
  const flag = String.fromCharCode(block[156] ?? 0);
  const name = pax.get('path') ?? rawName(block);
  if (name.length === 0) throw damaged('a member has no name');
  const type = typeOf(flag, name, pax);
  const number = (key: keyof typeof numbered): number => {
    const given = pax.get(key);
    const [at, length] = numbered[key];
    const value = given === undefined ? numberAt(block, at, length) : Number(given.toString('latin1'));
    if (!Number.isSafeInteger(value) || value < 0)
      throw damaged(`the ${key} of ${printable(name)} does not parse`);
    return value;
  };
  const isLink = flag === '1';
  const size = type === 'file' && !isLink ? number('size') : 0;
  const mtime = pax.get('mtime');
  const target = isLink || type === 'symlink' ? (pax.get('linkpath') ?? text(block, 157, 100)) : undefined;
  return {
    path: Buffer.from(withoutSlash(name)),
    type,
    mode: numberAt(block, 100, 8) & 0o7777,
    uid: number('uid'),
    gid: number('gid'),
    size,
    blocks: Math.ceil(size / blockSize),
    mtimeNs: mtime ? decimalNs(mtime.toString('latin1')) : BigInt(numberAt(block, 136, 12)) * 1_000_000_000n,
    ctimeNs: 0n,
    inode: 0n,
    links: 1,
    ...(target === undefined ? {} : { target: Buffer.from(target) }),
  };
};
