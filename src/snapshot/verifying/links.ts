import { type FileHandle, open } from 'node:fs/promises';
import { formatRecord, printable, type RecordEntry, readRecords, sortRecords } from '../entries/records.ts';
import type { Findings } from './verification.ts';

/** Volumes and binds are of different file systems: inodes of two of them say nothing together. */
const mountOf = (path: Buffer): string => path.toString('latin1').split('/', 2).join('+');

/** All names of one file agree in this, and those of different ones never do. */
const groupOf = ({ path, inode, size, mtimeNs, ctimeNs, sha256 }: RecordEntry): string =>
  [mountOf(path), inode, size, mtimeNs, ctimeNs, sha256 ?? ''].join('+');

/**
 * Finds names that were one file and are several now. They are collected on the disk, a record each with the
 * group in front of the path, and sorted there: any number of them passes in constant memory.
 */
export class Links implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;
  #waiting: Buffer[] = [];

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<Links> {
    return new Links(path, await open(path, 'wx', 0o600));
  }

  /** What the index says of a path, and the inode of what lies there. */
  add(said: RecordEntry, inode: bigint): void {
    if (said.type !== 'file' || said.links < 2) return;
    const path = Buffer.concat([Buffer.from(`${groupOf(said)}/`, 'latin1'), said.path]);
    this.#waiting.push(formatRecord({ ...said, path, inode }));
  }

  /** Writes what was added: to be called from time to time. */
  async flush(): Promise<void> {
    if (this.#waiting.length > 0) await this.#file.writeFile(Buffer.concat(this.#waiting));
    this.#waiting = [];
  }

  async check(findings: Findings, signal?: AbortSignal): Promise<void> {
    await this.flush();
    await sortRecords(this.#path, signal);
    let first: { readonly group: string; readonly path: Buffer; readonly inode: bigint } | undefined;
    for await (const batch of readRecords(this.#path)) {
      for (const { path: whole, inode } of batch) {
        const slash = whole.indexOf(0x2f);
        const [group, path] = [whole.toString('latin1', 0, slash), Buffer.from(whole.subarray(slash + 1))];
        if (first?.group !== group) first = { group, path, inode };
        else if (first.inode !== inode)
          findings.add('index', printable(path), `it is no hard link of ${printable(first.path)} any more`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
