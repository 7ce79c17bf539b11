import { constants, lstatSync } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../../../base/process.ts';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { below } from '../../changes/paths.ts';
import { PathSet } from '../../changes/seen.ts';
import { marginNs, tellsChanges } from '../../changes/stamp.ts';
import { complaint } from '../../walk.ts';
import { marksOf } from '../compare/attributes.ts';
import type { Pile } from '../compare/pile.ts';
import { type FolderWalk, forOthers } from '../place/folder-walk.ts';
import type { Batch } from '../place/place.ts';
import type { Staging } from '../place/staging.ts';
import type { Wanted } from '../wanted/wanted.ts';
import { differingOf, patch } from './patch.ts';

/** A smaller file is made anew sooner than it is compared. */
const leastBytes = 4 * 1024 * 1024;

/** So many of one mount; their names go to one program. */
const mostFiles = 20_000;

const blockBytes = 4096n;

/** Where files are patched. */
export interface PatchGround {
  /** The tree in the snapshot: its absolute path, and a walk of it. */
  readonly tree: string;
  readonly snapshot: FolderWalk;
  readonly wanted: Wanted;
  /** As that of the source. */
  readonly wholeSince: bigint | undefined;
  /** What is put back. */
  readonly make: Pile;
  /** The same of the target. */
  readonly top: string;
  readonly target: FolderWalk;
  readonly staging: Staging;
  readonly signal: AbortSignal | undefined;
}

/** Not what a link leads to, and a pipe is not waited for. */
const flags = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Large files of a tree of which little differs from what is in their place now: that is taken out of the
 * target, given what differs, and put in again, instead of a new file. It is the target's own inode: nobody
 * else has a name of it. Only files without attributes and ACLs on both sides, and not where the file system
 * shares blocks: there a whole copy writes nothing, and the space is shared.
 */
export class Patcher {
  readonly #ground: PatchGround;
  readonly #candidates = new PathSet();
  /** Files of the snapshot that changed before this are as they were when all of it was read. */
  #settled = 0n;

  private constructor(ground: PatchGround) {
    this.#ground = ground;
  }

  static async open(ground: PatchGround): Promise<Patcher> {
    const patcher = new Patcher(ground);
    const { tree, top, wanted, wholeSince, signal } = ground;
    const large = await patcher.#large();
    const [first] = large;
    if (first === undefined || (await patcher.#shares(first))) return patcher;
    try {
      if (wholeSince !== undefined && (await tellsChanges(tree))) patcher.#settled = wholeSince - marginNs;
      const [ours, theirs] = await Promise.all([
        marksOf(top, wanted.type, large, signal),
        marksOf(tree, wanted.type, large, signal),
      ]);
      for (const [at, { path }] of large.entries())
        if (ours[at] === false && theirs[at] === false) patcher.#candidates.add(path);
    } catch {
      signal?.throwIfAborted(); // one that cannot be read is made anew, which tells what is wrong with it
    }
    return patcher;
  }

  /** Large files that are there, with one name each. */
  async #large(): Promise<readonly RecordEntry[]> {
    const { make, wanted } = this.#ground;
    const large: RecordEntry[] = [];
    for await (const batch of make.entries())
      for (const entry of batch)
        if (
          entry.type === 'file' &&
          entry.size >= leastBytes &&
          large.length < mostFiles &&
          !wanted.links.has(entry.path.toString('latin1')) &&
          this.#isThere(entry)
        )
          large.push({ ...entry, path: Buffer.from(entry.path) });
    return large;
  }

  #isThere({ path, size }: RecordEntry): boolean {
    try {
      const found = lstatSync(this.#ground.target.at(path));
      return found.isFile() && found.nlink === 1 && found.size >= size;
    } catch {
      return false;
    }
  }

  /** Whether the target can share blocks with the snapshot: tried, because no flag tells. */
  async #shares({ path }: RecordEntry): Promise<boolean> {
    const { snapshot, staging } = this.#ground;
    const trial = join(staging.path, 'trial');
    try {
      await copyFile(snapshot.at(path), trial, constants.COPYFILE_FICLONE_FORCE);
      return true;
    } catch {
      return false;
    } finally {
      await rm(trial, { force: true });
    }
  }

  /**
   * The file, patched and proved, in a batch of its own. Undefined when it has to be made anew: too much of it
   * differs, or something is in the way, which whoever makes it anew finds out. Rejects when it is interrupted.
   */
  async patched(entry: RecordEntry): Promise<Batch | undefined> {
    const { snapshot, target, signal } = this.#ground;
    if (!this.#candidates.has(entry.path)) return undefined;
    try {
      await using from = await open(snapshot.at(entry.path), constants.O_RDONLY | flags);
      await using to = await open(target.at(entry.path), constants.O_RDWR | flags);
      return await this.#attempt(entry, from, to);
    } catch {
      signal?.throwIfAborted();
      return undefined;
    }
  }

  async #attempt(entry: RecordEntry, from: FileHandle, to: FileHandle): Promise<Batch | undefined> {
    const { target, staging, signal } = this.#ground;
    const look = () => Promise.all([from.stat({ bigint: true }), to.stat({ bigint: true })]);
    const [source, before] = await look();
    const isSparse = source.blocks * 512n < source.size - blockBytes; // a whole copy keeps the holes
    if (!source.isFile() || isSparse || !before.isFile() || before.nlink !== 1n) return undefined;
    const hashing = source.ctimeNs >= this.#settled;
    const differing = await differingOf(from, to, { hashing, signal });
    // What is wrong with the snapshot is found again, and told, when the file is made anew.
    if (differing?.size !== entry.size || (hashing && differing.sha256 !== entry.sha256)) return undefined;
    const [still, after] = await look();
    if (still.ctimeNs !== source.ctimeNs) return undefined;
    if (after.ctimeNs !== before.ctimeNs || after.nlink !== 1n) return undefined;
    const name = staging.batch();
    const aside = below(`${staging.path}/${name}`, entry.path);
    await mkdir(Buffer.from(dirname(aside.toString('latin1')), 'latin1'), { recursive: true, mode: 0o700 });
    await rename(target.at(entry.path), aside);
    try {
      if ((await patch(from, to, differing, signal)) && (await this.#dress(entry, from, to)))
        return { name, entries: [entry], isProved: true };
    } catch {
      // as below
    }
    await rm(aside, { force: true });
    signal?.throwIfAborted();
    return undefined;
  }

  /** Owner, mode, and times to the ns, which Node cannot set. An ACL there is none, as on the other side. */
  async #dress({ uid, gid, mode }: RecordEntry, from: FileHandle, to: FileHandle): Promise<boolean> {
    const { signal } = this.#ground;
    await to.chown(uid, gid);
    await to.chmod(mode); // last: a new owner takes setuid away
    const touch = ['touch', '--no-create', `--reference=${forOthers(from.fd)}`, '--', forOthers(to.fd)];
    return complaint(await run(touch, { env: { LC_ALL: 'C' }, ...(signal && { signal }) })) === undefined;
  }
}
