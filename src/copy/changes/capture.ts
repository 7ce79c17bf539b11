import { PassThrough } from 'node:stream';
import { makeFolderIn } from '../../base/disk.ts';
import { StackBackupError } from '../../base/errors.ts';
import { run } from '../../base/process.ts';
import type { RecordEntry } from '../../snapshot/entries/records.ts';
import { gentle } from '../gentle.ts';
import { complaint, graveComplaint } from '../walk.ts';
import { argumentOf, parentOf } from './paths.ts';

/**
 * From this size on a file is copied by `cp`, which lets the kernel copy, share blocks and keep holes; below
 * it, it goes into one archive: creating files costs several times as much as appending to one (COPY-FACTS).
 */
const largeBytes = 1024 * 1024;

/** Bytes of names for one `cp`, and the most for all names of one file; the kernel's limit is over 2 MB. */
const batchBytes = 96 * 1024;
const groupBytes = 800 * 1024;

/** Where the changed entries of a mount wait until the services are back. */
export interface Captured {
  /** A PAX archive, or undefined when nothing went into it. */
  readonly archive: string | undefined;
  /** A folder with the large files, under their own paths. */
  readonly large: string | undefined;
  readonly largePaths: readonly Buffer[];
  /** Folders in the archive: those that changed, and those in which something is replaced. */
  readonly folders: readonly Buffer[];
  readonly entries: number;
  readonly bytes: number;
  /** Something went or changed under the hands of the copying processes: not everything need be there. */
  readonly torn: boolean;
}

export interface CaptureOptions {
  /** The folder itself, or what its link leads to. */
  readonly source: string;
  /** Prefix of the files written here. */
  readonly into: string;
  /** The source is in use: what vanishes or changes meanwhile is looked at again by the next pass. */
  readonly live: boolean;
  /** Large files, too, go into the archive; sockets, which it cannot hold, nowhere. */
  readonly archiveOnly?: boolean;
  readonly signal?: AbortSignal;
}

const isLarge = (entry: RecordEntry): boolean =>
  entry.type === 'socket' || // tar leaves them out
  (entry.type === 'file' && (entry.size >= largeBytes || entry.blocks * 512 < entry.size - 4096));

const refuse = (source: string, why: string | undefined): void => {
  if (why !== undefined)
    throw new StackBackupError('copy-failed', `cannot copy all of ${source}: ${why}`, {
      next: 'Nothing was kept of this run: see what the message names, then run it again.',
    });
};

/**
 * Copies single entries of a tree aside, as they come: small ones into one archive, large ones as files.
 * All names of a hard-linked file must be given: they change together, and only together they keep their link.
 */
export class Capture {
  readonly #options: CaptureOptions;
  readonly #names = new PassThrough();
  #pending: Buffer[] = [];
  #tar: Promise<void> | undefined;
  /** Made as a chain: one `cp` at a time beside the `tar`, as much as two cores can stand. */
  #cp: Promise<void> = Promise.resolve();
  #batch: Buffer[] = [];
  #batched = 0;
  /** Names of large hard-linked files, by inode: they have to go together. */
  readonly #linked = new Map<bigint, Buffer[]>();
  readonly #large: Buffer[] = [];
  /** By path as Latin-1: folders in the archive, and those above entries, which replacing these disturbs. */
  readonly #folders = new Set<string>();
  readonly #parents = new Set<string>();
  #entries = 0;
  #bytes = 0;
  #torn = false;

  constructor(options: CaptureOptions) {
    this.#options = options;
  }

  get archive(): string {
    return `${this.#options.into}.tar`;
  }

  get largeFolder(): string {
    return `${this.#options.into}.large`;
  }

  add(entries: readonly RecordEntry[]): void {
    for (const entry of entries) this.#add(entry);
    this.#flushNames();
  }

  #flushNames(): void {
    if (this.#pending.length > 0) this.#names.write(Buffer.concat(this.#pending));
    this.#pending = [];
  }

  #add(entry: RecordEntry): void {
    this.#entries++;
    if (entry.type === 'file') this.#bytes += entry.size;
    if (this.#options.archiveOnly === true) {
      if (entry.type !== 'socket') this.#archived(entry.path);
      return;
    }
    if (entry.path.length > 0) this.#parents.add(parentOf(entry.path).toString('latin1'));
    if (entry.type === 'dir') {
      this.#folders.add(entry.path.toString('latin1'));
      this.#archived(entry.path);
    } else if (!isLarge(entry)) this.#archived(entry.path);
    else if (entry.links > 1) this.#link(entry);
    else this.#copied([entry.path]);
  }

  #link({ inode, path }: RecordEntry): void {
    const group = this.#linked.get(inode);
    if (group === undefined) this.#linked.set(inode, [Buffer.from(path)]);
    else group.push(Buffer.from(path));
  }

  #archived(path: Buffer): void {
    this.#tar ??= this.#startTar();
    this.#pending.push(argumentOf(path));
  }

  /** Names of one file, or of several: they stay in one batch. */
  #copied(paths: readonly Buffer[]): void {
    for (const path of paths) {
      this.#large.push(Buffer.from(path));
      this.#batch.push(argumentOf(path));
      this.#batched += path.length + 3;
    }
    if (this.#batched >= batchBytes) this.#flush();
  }

  /** What would not fit one argument list goes into the archive, which keeps any number of links. */
  #copyLinked(): void {
    for (const paths of this.#linked.values())
      if (paths.reduce((sum, path) => sum + path.length + 3, 0) < groupBytes) this.#copied(paths);
      else for (const path of paths) this.#archived(path);
  }

  /** Hands the batch to `cp`. */
  #flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batched = 0;
    this.#cp = this.#cp.then(() => this.#copy(batch));
    this.#cp.catch(() => undefined); // `finish` awaits it
  }

  async #copy(batch: readonly Buffer[]): Promise<void> {
    const { source, live, signal } = this.#options;
    const folder = this.largeFolder;
    await makeFolderIn(folder);
    // xargs hands on names in any bytes; an argument list of Node's would have to be UTF-8.
    const command = ['xargs', '-0', '-x', '-s', '1000000', '-r', 'cp', '-a', '--preserve=xattr', '--parents'];
    const copy = [...command, '-t', folder, '--'];
    const result = await run(live ? await gentle(copy) : copy, {
      cwd: source,
      env: { LC_ALL: 'C' },
      input: Buffer.concat(batch),
      ...(signal === undefined ? {} : { signal }),
    });
    this.#torn ||= complaint(result) !== undefined;
    refuse(source, graveComplaint(result, live));
  }

  async #startTar(): Promise<void> {
    const { source, live, signal } = this.#options;
    const command = [
      ...['tar', '-c', '-f', this.archive, '-b', '256', '--format=posix', '--numeric-owner'],
      ...['--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f'],
      ...['--xattrs', '--xattrs-include=*', '--acls'],
      ...['--no-recursion', '--null', '--verbatim-files-from', '--files-from=-'],
    ];
    const result = await run(live ? await gentle(command) : command, {
      cwd: source,
      env: { LC_ALL: 'C' },
      input: this.#names,
      ...(signal === undefined ? {} : { signal }),
    });
    this.#torn ||= complaint(result) !== undefined;
    refuse(source, graveComplaint(result, live));
  }

  /** Waits until everything that was added is copied. Rejects with `copy-failed` or `interrupted`. */
  async finish(): Promise<Captured> {
    this.#copyLinked();
    this.#flush();
    for (const parent of this.#parents)
      if (!this.#folders.has(parent)) {
        this.#folders.add(parent);
        this.#archived(Buffer.from(parent, 'latin1'));
      }
    this.#flushNames();
    this.#names.end();
    const [tar] = await Promise.allSettled([this.#tar, this.#cp]);
    if (tar.status === 'rejected') throw tar.reason;
    await this.#cp;
    return {
      archive: this.#tar === undefined ? undefined : this.archive,
      large: this.#large.length === 0 ? undefined : this.largeFolder,
      largePaths: this.#large,
      folders: [...this.#folders].map((path) => Buffer.from(path, 'latin1')),
      entries: this.#entries,
      bytes: this.#bytes,
      torn: this.#torn,
    };
  }
}
