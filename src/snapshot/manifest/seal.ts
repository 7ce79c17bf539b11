import { createHash } from 'node:crypto';

/** How a manifest ends: the last brace and its newline. */
const ending = '\n}\n';
const sealed = /,\n {2}"checksum": "([0-9a-f]{64})"\n\}\n$/;
/** More than a seal takes. */
const tailBytes = 128;

const hashOf = (bytes: Buffer): string =>
  createHash('sha256').update(bytes).update(ending, 'latin1').digest('hex');

/**
 * The text of an object with a last line that holds the SHA-256 of all of it without that line, so that a change
 * of any byte is found: what the values say and how they are written.
 */
export const seal = (value: object): string => {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  const body = text.slice(0, -ending.length);
  return `${body},\n  "checksum": "${hashOf(Buffer.from(body, 'utf8'))}"${ending}`;
};

/** Whether a text is as it was sealed; `none` where its end is no seal at all, as in older ones. */
export const sealOf = (bytes: Buffer): 'whole' | 'broken' | 'none' => {
  const start = Math.max(0, bytes.length - tailBytes);
  const match = sealed.exec(bytes.toString('latin1', start));
  if (match === null) return 'none';
  return hashOf(bytes.subarray(0, start + match.index)) === match[1] ? 'whole' : 'broken';
};
