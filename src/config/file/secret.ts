import { open, stat } from 'node:fs/promises';
import { errnoOf } from '../../base/errors.ts';

/** Passwords and keys are short; a longer file is some other file. */
const longestBytes = 64 * 1024;

/** Why a file cannot be used, as the end of a sentence that begins with its name; undefined when it can. */
export const whyUnreadable = async (path: string): Promise<string | undefined> => {
  try {
    const found = await stat(path);
    if (!found.isFile()) return 'is not a file';
    // Opening it is the only proof: access(2) asks for the real user and misses what a network disk refuses.
    await (await open(path, 'r')).close();
    return undefined;
  } catch (thrown) {
    return reason(thrown);
  }
};

const reason = (thrown: unknown): string => {
  const errno = errnoOf(thrown);
  if (errno === 'ENOENT' || errno === 'ENOTDIR') return 'does not exist';
  return errno === 'EACCES' || errno === 'EPERM'
    ? 'cannot be read: permission denied'
    : `cannot be read (${errno})`;
};

export type SecretRead = { readonly value: string } | { readonly fault: string };

/**
 * The secret in a file: its UTF-8 text without one line end at its end. What is wrong comes back as the end
 * of a sentence that begins with the file's name, and never holds any of the content.
 */
export const readSecret = async (path: string): Promise<SecretRead> => {
  const fault = await whyUnreadable(path);
  if (fault !== undefined) return { fault };
  try {
    await using file = await open(path, 'r');
    const buffer = Buffer.alloc(longestBytes + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > longestBytes) return { fault: 'is too large to be a secret (over 64 KiB)' };
    return secretIn(buffer.subarray(0, bytesRead));
  } catch (thrown) {
    return { fault: reason(thrown) };
  }
};

const secretIn = (bytes: Buffer): SecretRead => {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { fault: 'is not UTF-8 text' };
  }
  const value = text.replace(/\r?\n$/, '');
  if (value === '') return { fault: 'is empty' };
  // It travels in an environment variable, which ends at the first NUL.
  return value.includes('\0') ? { fault: 'holds a NUL byte' } : { value };
};
