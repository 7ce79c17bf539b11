import { makeFolderIn } from '../../base/disk.ts';
import { StackBackupError } from '../../base/errors.ts';
import { run } from '../../base/process.ts';
import type { RecordEntry } from '../../snapshot/entries/records.ts';
import type { CaptureOptions } from '../changes/capture.ts';
import { argumentOf } from '../changes/paths.ts';
import { gentle } from '../gentle.ts';
import { complaint, graveComplaint } from '../walk.ts';
import { copyCommand } from './copy-command.ts';
import { patchFiles } from './patch-files.ts';

/** Bytes of names for one `cp`, and the most for all names of one file; the kernel's limit is over 2 MB. */
const batchBytes = 96 * 1024;
const groupBytes = 800 * 1024;

/** Files for one process that patches. */
const patchedAtOnce = 64;

export const refuse = (source: string, why: string | undefined): void => {
  if (why !== undefined)
    throw new StackBackupError('copy-failed', `cannot copy all of ${source}: ${why}`, {
      next: 'Nothing was kept of this run: see what the message names, then run it again.',
    });
};

const lengthOf = (paths: readonly Buffer[]): number => paths.reduce((sum, path) => sum + path.length + 3, 0);

/**
 * Copies single large files of a tree aside, as they come: whole, or as a clone of their earlier copy and what
 * differs. One process at a time, beside the `tar` of the small ones: as much as two cores can stand.
 */
export class LargeFiles {
  readonly folder: string;
  readonly #options: CaptureOptions;
  #work: Promise<void> = Promise.resolve();
  #batch: Buffer[] = [];
  #batched = 0;
  #toPatch: RecordEntry[] = [];
  /** Names of hard-linked files, by inode: they have to go together. */
  readonly #linked = new Map<bigint, Buffer[]>();
  readonly #paths: Buffer[] = [];
  #saved = 0;
  #torn = false;

  constructor(folder: string, options: CaptureOptions) {
    this.folder = folder;
    this.#options = options;
  }

  get paths(): readonly Buffer[] {
    return this.#paths;
  }

  /** Bytes of these files that did not have to be copied. */
  get saved(): number {
    return this.#saved;
  }

  get torn(): boolean {
    return this.#torn;
  }

  add(entry: RecordEntry): void {
    const { cloning } = this.#options;
    if (entry.links > 1 && entry.type === 'file') this.#link(entry);
    else if (cloning?.from === 'earlier' && entry.type === 'file' && entry.size >= cloning.leastBytes) {
      this.#toPatch.push({ ...entry, path: Buffer.from(entry.path) });
      if (this.#toPatch.length >= patchedAtOnce) this.#flushPatches();
    } else this.#copied([entry.path]);
  }

  #link({ inode, path }: RecordEntry): void {
    const group = this.#linked.get(inode);
    if (group === undefined) this.#linked.set(inode, [Buffer.from(path)]);
    else group.push(Buffer.from(path));
  }

  /** Names of one file, or of several: they stay in one batch. */
  #copied(paths: readonly Buffer[]): void {
    for (const path of paths) {
      this.#paths.push(Buffer.from(path));
      this.#batch.push(Buffer.from(path));
    }
    this.#batched += lengthOf(paths);
    if (this.#batched >= batchBytes) this.#flush();
  }

  #next(work: () => Promise<void>): void {
    this.#work = this.#work.then(work);
    this.#work.catch(() => undefined); // `finish` awaits it
  }

  /** Hands the batch to `cp`. */
  #flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batched = 0;
    this.#next(() => this.#copy(batch));
  }

  async #copy(batch: readonly Buffer[], ...options: readonly string[]): Promise<void> {
    const { source, live, signal, pace, cloning } = this.#options;
    await makeFolderIn(this.folder);
    // xargs hands on names in any bytes; an argument list of Node's would have to be UTF-8.
    const command = ['xargs', '-0', '-x', '-s', '1000000', '-r', ...copyCommand(cloning, pace), ...options];
    const copy = [...command, '--parents', '-t', this.folder, '--'];
    const result = await run(live ? await gentle(copy) : copy, {
      cwd: source,
      env: { LC_ALL: 'C' },
      input: Buffer.concat(batch.map(argumentOf)),
      ...(signal && { signal }),
      ...(pace && { pace }),
    });
    this.#torn ||= complaint(result) !== undefined;
    refuse(source, graveComplaint(result, live));
  }

  #flushPatches(): void {
    const batch = this.#toPatch;
    if (batch.length === 0) return;
    this.#toPatch = [];
    this.#next(() => this.#patch(batch));
  }

  async #patch(batch: readonly RecordEntry[]): Promise<void> {
    const { source, live, signal, pace, cloning } = this.#options;
    if (cloning?.from !== 'earlier') return;
    await makeFolderIn(this.folder);
    const places = { source, copy: cloning.copy, target: this.folder };
    const paths = batch.map(({ path }) => path);
    const { patched, others, written } = await patchFiles(places, paths, {
      live,
      ...(signal && { signal }),
      ...(pace && { pace }),
    });
    this.#paths.push(...paths);
    if (patched.length > 0) await this.#copy(patched, '--attributes-only');
    if (others.length > 0) await this.#copy(others);
    const done = new Set(patched);
    for (const { path, size } of batch) if (done.has(path)) this.#saved += size;
    this.#saved -= written;
  }

  /**
   * Waits until everything that was added is copied. `archived` gets what would not fit one argument list: an
   * archive keeps any number of links. Rejects with `copy-failed` or `interrupted`.
   */
  close(archived: (path: Buffer) => void): Promise<void> {
    for (const paths of this.#linked.values())
      if (lengthOf(paths) < groupBytes) this.#copied(paths);
      else for (const path of paths) archived(path);
    this.#flush();
    this.#flushPatches();
    return this.#work;
  }
}
