import { StackBackupError } from '../../../base/errors.ts';

/** A tar is made of blocks of so many bytes. */
export const blockSize = 512;
export const zeros = Buffer.alloc(blockSize);

export const damaged = (why: string): StackBackupError =>
  new StackBackupError('copy-failed', `the archive is damaged: ${why}`, {
    next: 'Run the backup again. A snapshot that has it is not whole: use another one.',
  });

/** A field up to its NUL, or to its end. */
export const text = (block: Buffer, start: number, length: number): Buffer => {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return end === -1 ? field : field.subarray(0, end);
};

const space = 0x20;

/** Octal digits, with spaces around them, up to a NUL. Read where they stand: there are several a member. */
const octalAt = (block: Buffer, start: number, length: number): number => {
  const end = start + length;
  let at = start;
  let value = 0;
  while (at < end && block[at] === space) at++;
  for (; at < end; at++) {
    const digit = (block[at] as number) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  while (at < end && block[at] === space) at++;
  if (at < end && block[at] !== 0) throw damaged('a number in a header does not parse');
  return value;
};

/**
 * A number of a header: octal text, or big-endian two's complement when the first bit is set (GNU). It is
 * not exact, and no safe integer, beyond 2^53.
 */
export const numberAt = (block: Buffer, start: number, length: number): number => {
  if (((block[start] ?? 0) & 0x80) === 0) return octalAt(block, start, length);
  const bits = length * 8 - 1;
  const field = block.toString('hex', start, start + length);
  const value = BigInt(`0x${field}`) & ((1n << BigInt(bits)) - 1n);
  return Number(BigInt.asIntN(bits, value));
};

/** The sum of all bytes of a header, its own field counted as spaces (POSIX ustar, "chksum"). */
export const checkSum = (block: Buffer): void => {
  let sum = 8 * space;
  for (let at = 0; at < blockSize; at++) sum += block[at] as number;
  for (let at = 148; at < 156; at++) sum -= block[at] as number;
  if (sum !== numberAt(block, 148, 8)) throw damaged('a header has the wrong checksum');
};

const ustar = Buffer.from('ustar\0', 'latin1');

/** The name in a header, its front and its end put together. */
export const rawName = (block: Buffer): Buffer => {
  const name = text(block, 0, 100);
  // POSIX ustar keeps the front of a long name apart; the old GNU form has other things there.
  const isPosix = block.compare(ustar, 0, ustar.length, 257, 257 + ustar.length) === 0;
  const prefix = isPosix ? text(block, 345, 155) : zeros.subarray(0, 0);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
};
