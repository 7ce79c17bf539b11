import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Pace } from '../../base/process/pace.ts';
import { run } from '../../base/process.ts';
import type { RecordEntry } from '../../snapshot/entries/records.ts';
import { gentle } from '../gentle.ts';
import type { Cloning } from '../large/copy-command.ts';
import { LargeFiles, refuse } from '../large/large-files.ts';
import { complaint, graveComplaint } from '../walk.ts';
import { keepAttributes } from './attributes.ts';
import { argumentOf, parentOf } from './paths.ts';

/**
 * From this size on a file is copied by `cp`, which lets the kernel copy, share blocks and keep holes; below
 * it, it goes into one archive: creating files costs several times as much as appending to one (COPY-FACTS).
 */
const largeBytes = 1024 * 1024;

/** So many bytes of names wait for `tar`, which is slower than the walk that finds them. */
const waitingBytes = 512 * 1024;

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
  /** Of these so many were copied: of a file that was patched, what differed. */
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
  /** How large files can share blocks; undefined when they cannot. */
  readonly cloning?: Cloning;
  readonly signal?: AbortSignal;
  readonly pace?: Pace;
}

const isLarge = (entry: RecordEntry): boolean =>
  entry.type === 'socket' || // tar leaves them out
  (entry.type === 'file' && (entry.size >= largeBytes || entry.blocks * 512 < entry.size - 4096));

/**
 * Copies single entries of a tree aside, as they come: small ones into one archive, large ones as files.
 * All names of a hard-linked file must be given: they change together, and only together they keep their link.
 */
export class Capture {
  readonly #options: CaptureOptions;
  readonly #names = new PassThrough({ highWaterMark: waitingBytes });
  #pending: Buffer[] = [];
  #tar: Promise<void> | undefined;
  readonly #large: LargeFiles;
  /** By path as Latin-1: folders in the archive, and those above entries, which replacing these disturbs. */
  readonly #folders = new Set<string>();
  readonly #parents = new Set<string>();
  #entries = 0;
  #bytes = 0;
  #torn = false;

  constructor(options: CaptureOptions) {
    this.#options = options;
    this.#large = new LargeFiles(`${options.into}.large`, options);
  }

  get archive(): string {
    return `${this.#options.into}.tar`;
  }

  /** Takes entries. Resolves when more can be taken: whoever finds them faster than they are copied has to wait. */
  async add(entries: readonly RecordEntry[]): Promise<void> {
    for (const entry of entries) this.#add(entry);
    if (this.#flushNames()) return;
    const over = new AbortController();
    const drained = once(this.#names, 'drain', { signal: over.signal });
    // One that has ended takes no more. Why it did, `finish` tells.
    await Promise.race([drained, this.#tar]).catch(() => undefined);
    over.abort();
    await drained.catch(() => undefined);
  }

  /** False when enough is waiting. */
  #flushNames(): boolean {
    const names = this.#pending;
    this.#pending = [];
    return names.length === 0 || this.#names.write(Buffer.concat(names));
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
    else this.#large.add(entry);
  }

  #archived(path: Buffer): void {
    this.#tar ??= this.#startTar();
    this.#pending.push(argumentOf(path));
  }

  async #startTar(): Promise<void> {
    const { source, live, signal, pace } = this.#options;
    const command = [
      ...['tar', '-c', '-f', this.archive, '-b', '256', '--format=posix', '--numeric-owner'],
      ...['--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f'],
      ...keepAttributes,
      ...['--no-recursion', '--null', '--verbatim-files-from', '--files-from=-'],
    ];
    const result = await run(live ? await gentle(command) : command, {
      cwd: source,
      env: { LC_ALL: 'C' },
      input: this.#names,
      ...(signal && { signal }),
      ...(pace && { pace }),
    });
    this.#torn ||= complaint(result) !== undefined;
    refuse(source, graveComplaint(result, live));
  }

  /** Waits until everything that was added is copied. Rejects with `copy-failed` or `interrupted`. */
  async finish(): Promise<Captured> {
    const large = this.#large.close((path) => this.#archived(path));
    for (const parent of this.#parents)
      if (!this.#folders.has(parent)) {
        this.#folders.add(parent);
        this.#archived(Buffer.from(parent, 'latin1'));
      }
    this.#flushNames();
    this.#names.end();
    const [tar] = await Promise.allSettled([this.#tar, large]);
    if (tar.status === 'rejected') throw tar.reason;
    await large;
    const { paths, folder, saved, torn } = this.#large;
    return {
      archive: this.#tar === undefined ? undefined : this.archive,
      large: paths.length === 0 ? undefined : folder,
      largePaths: paths,
      folders: [...this.#folders].map((path) => Buffer.from(path, 'latin1')),
      entries: this.#entries,
      bytes: this.#bytes - saved,
      torn: this.#torn || torn,
    };
  }
}
