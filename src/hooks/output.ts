import { Writable } from 'node:stream';

/** What a program wrote, as far as a person needs it: 64 KiB. */
const keptOutput = 64 * 1024;

/** A stream that keeps the last bytes written to it and counts the rest, so that chatter costs no memory. */
export class OutputTail extends Writable {
  #kept: Buffer[] = [];
  #size = 0;
  /** All bytes and line ends that came by. */
  total = 0;
  lines = 0;
  readonly #limit: number;

  constructor(limit: number = keptOutput) {
    super();
    this.#limit = limit;
  }

  get truncated(): boolean {
    return this.total > this.#limit;
  }

  /** At most `limit` bytes, the newest. */
  bytes(): Buffer {
    const all = Buffer.concat(this.#kept);
    return all.subarray(Math.max(0, all.length - this.#limit));
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.total += chunk.length;
    for (const byte of chunk) if (byte === 10) this.lines += 1;
    this.#kept.push(Buffer.from(chunk));
    this.#size += chunk.length;
    // Compacted now and then, not at every write: amortised cost per byte stays constant.
    if (this.#size > 2 * this.#limit) {
      this.#kept = [this.bytes()];
      this.#size = this.#limit;
    }
    done();
  }
}

const secretName = /pass|pwd|secret|token|credential|auth|api_?key|private_?key|access_?key/i;

/** Values of `KEY=value` lines that look like secrets by their name: they must not show up in an error. */
export const secretsIn = (env: readonly string[]): readonly string[] =>
  env.flatMap((line) => {
    const at = line.indexOf('=');
    const value = line.slice(at + 1);
    return at > 0 && value.length > 2 && secretName.test(line.slice(0, at)) ? [value] : [];
  });

/** `text` with every secret, and the user part of every URL, replaced by `***`. */
export const mask = (text: string, secrets: readonly string[]): string => {
  // Longest first: a secret that contains another must not leave its other half behind.
  const longestFirst = secrets.filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
  const masked = longestFirst.reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
  return masked.replace(/(\w:\/\/)[^\s/@]*:[^\s/@]*@/g, '$1***@');
};

/** Control, formatting and undecodable characters: they could drive a terminal or hide text. */
const unprintable = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029\uFFFD]+/gu;

/** One line that is safe to print: no control characters, at most `width` characters. */
export const printable = (text: string, width = 300): string => {
  const clean = text.replaceAll('\t', ' ').replace(unprintable, '\uFFFD');
  return clean.length > width ? `${clean.slice(0, width)} …` : clean;
};

/** The last lines of what a program wrote, masked and safe to print, joined by ` | `; empty when there is nothing. */
export const excerpt = (
  output: OutputTail | Buffer | string,
  secrets: readonly string[] = [],
  count = 6,
): string => {
  const bytes = output instanceof OutputTail ? output.bytes() : Buffer.from(output as string);
  let text = bytes.toString('utf8');
  // The cut may have gone through a secret, and half of one is not recognised any more.
  if (output instanceof OutputTail && output.truncated)
    text = text.slice(Math.max(0, ...secrets.map((secret) => secret.length)));
  return mask(text, secrets)
    .split(/[\r\n]+/)
    .map((line) => printable(line.trimEnd()))
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .join(' | ');
};
