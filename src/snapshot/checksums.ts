import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { StackBackupError } from '../base/errors.ts';

/** One line of SHA256SUMS. The path is relative to the snapshot folder. */
export interface Checksum {
  readonly path: Buffer;
  /** 64 hexadecimal digits, lower case. */
  readonly sha256: string;
}

const backslash = 0x5c;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r' };
const unescapes: Readonly<Record<number, number>> = { [backslash]: backslash, 110: 10, 114: 13 };

/**
 * One line as GNU `sha256sum` writes it: a name with a backslash, newline or carriage return has them
 * escaped, and the line then begins with a backslash (coreutils manual, "md5sum invocation"). In latin1,
 * which has a character for every byte: one string costs far less than the buffers it would be put
 * together from.
 */
const lineOf = ({ path, sha256 }: Checksum): string => {
  const name = path.toString('latin1');
  return /[\\\n\r]/.test(name)
    ? `\\${sha256}  ${name.replace(/[\\\n\r]/g, (one) => escapes[one] ?? one)}\n`
    : `${sha256}  ${name}\n`;
};

/** The line of one checksum, with its newline. */
export const formatChecksum = (checksum: Checksum): Buffer => Buffer.from(lineOf(checksum), 'latin1');

const unescapeName = (name: Buffer): Buffer | undefined => {
  const bytes: number[] = [];
  for (let at = 0; at < name.length; at++) {
    const byte = name[at] as number;
    if (byte !== backslash) bytes.push(byte);
    else {
      const meant = unescapes[name[++at] ?? 0];
      if (meant === undefined) return undefined;
      bytes.push(meant);
    }
  }
  return Buffer.from(bytes);
};

/** The checksum in one line (without its newline), in text or binary mode; undefined when it is none. */
export const parseChecksum = (line: Buffer): Checksum | undefined => {
  const escaped = line[0] === backslash;
  const match = /^([0-9a-f]{64}) [ *]$/.exec(line.toString('latin1', escaped ? 1 : 0, escaped ? 67 : 66));
  const name = line.subarray(escaped ? 67 : 66);
  const path = escaped ? unescapeName(name) : name;
  return match === null || path === undefined || path.length === 0
    ? undefined
    : { path, sha256: match[1] as string };
};

/** Far longer than the longest path there is, escaped in the widest way. */
const longestLine = 256 * 1024;

/**
 * Lines of a stream of bytes, without their newlines; a last line without one counts too. Rejects at a line
 * that is longer than any of ours can be: whoever made the file must not choose how much memory it takes.
 */
export async function* linesOf(source: AsyncIterable<Buffer>): AsyncGenerator<readonly Buffer[], void, void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(10, rest.length); end !== -1; end = bytes.indexOf(10, start)) {
      lines.push(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (lines.length > 0) yield lines;
    if (rest.length > longestLine) throw new Error('a line in it is far too long');
  }
  if (rest.length > 0) yield [rest];
}

/** A line that holds no checksum. */
export interface BadLine {
  /** From 1. */
  readonly line: number;
}

/** What a SHA256SUMS file says, in its order; a line that says nothing is reported, never skipped. */
export async function* readChecksums(
  file: string,
): AsyncGenerator<readonly (Checksum | BadLine)[], void, void> {
  let before = 0;
  for await (const lines of linesOf(createReadStream(file))) {
    const first = before + 1;
    yield lines.map((line, place) => parseChecksum(line) ?? { line: first + place });
    before += lines.length;
  }
}

const flushBytes = 256 * 1024;

/** Writes SHA256SUMS line by line and knows, at the end, the checksum of what it wrote. */
export class ChecksumWriter implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #pending = '';
  #tail: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The file must not exist yet. */
  static async create(path: string): Promise<ChecksumWriter> {
    return new ChecksumWriter(await open(path, 'wx', 0o600));
  }

  /** Lines of several mounts may come in turns; each is written whole. Waits when the disk is behind. */
  async add(lines: Iterable<Checksum>): Promise<void> {
    for (const line of lines) this.#pending += lineOf(line);
    if (this.#pending.length >= flushBytes) await this.#flush();
  }

  #flush(): Promise<void> {
    const bytes = Buffer.from(this.#pending, 'latin1');
    this.#pending = '';
    this.#hash.update(bytes);
    this.#tail = this.#tail.then(() => this.#file.writeFile(bytes));
    // Told to whoever waits; the others hear of it at `finish`.
    this.#tail.catch(() => undefined);
    return this.#tail;
  }

  /** Writes the rest, makes it durable, closes, and returns the SHA-256 of the whole file. */
  async finish(): Promise<string> {
    try {
      await this.#flush();
      await this.#file.sync();
    } catch (cause) {
      throw new StackBackupError('backups-unusable', 'cannot write SHA256SUMS', {
        cause,
        next: 'Look at the free space and the health of the file system that holds the backups.',
      });
    }
    await this.#file.close();
    return this.#hash.digest('hex');
  }

  /** Closes without finishing; nothing after `finish`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail.catch(() => undefined);
    await this.#file.close();
  }
}
