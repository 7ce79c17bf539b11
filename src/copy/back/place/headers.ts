import type { RecordEntry } from '../../../snapshot/entries/records.ts';

/** Extended attributes and ACLs of an entry, as the PAX keys of an archive name them. */
export type Attributes = ReadonlyMap<string, Buffer>;

const blockSize = 512;

/** `<length> <key>=<value>\n`; the length counts itself. */
const record = (key: string, value: string | Buffer): Buffer => {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
};

/** The decimal seconds of ns since 1970. */
const seconds = (ns: bigint): string => {
  const [sign, positive] = ns < 0n ? ['-', -ns] : ['', ns];
  return `${sign}${positive / 1_000_000_000n}.${String(positive % 1_000_000_000n).padStart(9, '0')}`;
};

const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;

/** A ustar header (POSIX pax, "ustar Interchange Format"). Names and owners are in the PAX records before it. */
const header = (type: 'x' | '5', mode: number, size: number): Buffer => {
  const block = Buffer.alloc(blockSize);
  block.write(type === 'x' ? 'PaxHeader' : 'folder', 0, 'latin1');
  block.write(octal(mode, 7), 100, 'latin1');
  block.write(octal(0, 7), 108, 'latin1');
  block.write(octal(0, 7), 116, 'latin1');
  block.write(octal(size, 11), 124, 'latin1');
  block.write(octal(0, 11), 136, 'latin1');
  block.write('        ', 148, 'latin1');
  block.write(type, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    )} `,
    148,
    'latin1',
  );
  return block;
};

/** A folder as a member of an archive, under a name of its own. */
export const folderMember = (
  name: string,
  { uid, gid, mode, mtimeNs }: RecordEntry,
  attributes: Attributes | undefined,
): Buffer => {
  const records = Buffer.concat([
    record('path', name),
    record('uid', String(uid)),
    record('gid', String(gid)),
    record('mtime', seconds(mtimeNs)),
    ...[...(attributes ?? [])].map(([key, value]) => record(key, value)),
  ]);
  const padding = Buffer.alloc((blockSize - (records.length % blockSize)) % blockSize);
  return Buffer.concat([header('x', 0o600, records.length), records, padding, header('5', mode, 0)]);
};

/** A tar ends with two blocks of zeros. */
export const archiveEnd = Buffer.alloc(2 * blockSize);
