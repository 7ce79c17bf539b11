import type { RecordEntry } from '../../../snapshot/entries/records.ts';

/** Extended attributes and ACLs of an entry, as the PAX keys of an archive name them. */
export type Attributes = ReadonlyMap<string, Buffer>;

const blockSize = 512;

/** `<length> <key>=<value>\n`; the length counts itself. */
const record = (key: string, value: string | Buffer): Buffer => {
  const rest = Buffer.concat([
    Buffer.from(` ${key}=`, 'latin1'),
    Buffer.from(value as string),
    Buffer.from('\n'),
  ]);
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

const flagOf = { file: '0', link: '1', symlink: '2', dir: '5', fifo: '6' } as const;

type Flag = (typeof flagOf)[keyof typeof flagOf] | 'x';

/** A ustar header (POSIX pax, "ustar Interchange Format"). Names, owners and sizes are in the PAX records before it. */
const header = (flag: Flag, mode: number, size: number): Buffer => {
  const block = Buffer.alloc(blockSize);
  block.write(flag === 'x' ? 'PaxHeader' : 'member', 0, 'latin1');
  block.write(octal(mode, 7), 100, 'latin1');
  block.write(octal(0, 7), 108, 'latin1');
  block.write(octal(0, 7), 116, 'latin1');
  block.write(octal(Math.min(size, 0o77777777777), 11), 124, 'latin1');
  block.write(octal(0, 11), 136, 'latin1');
  block.write('        ', 148, 'latin1');
  block.write(flag, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${octal(sum, 6)} `, 148, 'latin1');
  return block;
};

/** What follows this many bytes of content. */
export const paddingAfter = (size: number): Buffer =>
  Buffer.alloc((blockSize - (size % blockSize)) % blockSize);

export interface MemberOptions {
  readonly attributes?: Attributes | undefined;
  /** Of a symlink its text, of a link the name of the member that has the bytes. */
  readonly target?: Buffer | undefined;
}

/** The head of one member of an archive, under a name of its own; content and padding follow. */
export const memberHead = (
  kind: keyof typeof flagOf,
  name: Buffer | string,
  { uid, gid, mode, mtimeNs, size }: RecordEntry,
  { attributes, target }: MemberOptions = {},
): Buffer => {
  const content = kind === 'file' ? size : 0;
  const records = Buffer.concat([
    record('path', name),
    record('uid', String(uid)),
    record('gid', String(gid)),
    record('size', String(content)),
    record('mtime', seconds(mtimeNs)),
    ...(target === undefined ? [] : [record('linkpath', target)]),
    ...[...(attributes ?? [])].map(([key, value]) => record(key, value)),
  ]);
  return Buffer.concat([
    header('x', 0o600, records.length),
    records,
    paddingAfter(records.length),
    header(flagOf[kind], mode, content),
  ]);
};

/** A tar ends with two blocks of zeros. */
export const archiveEnd = Buffer.alloc(2 * blockSize);
