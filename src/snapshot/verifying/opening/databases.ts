import { join } from 'node:path';
import { printable } from '../../entries/records.ts';
import { readIndexOf } from '../../index-file.ts';
import type { Manifest, ManifestMount } from '../../types.ts';
import { filesOf } from '../archives.ts';
import type { Opened, VerifyOptions } from '../options.ts';
import { isRead } from '../sample.ts';
import { isPlainFile } from '../sources.ts';
import type { Findings } from '../verification.ts';
import { type Member, Scratch } from './scratch.ts';

/** So many are opened: more of them say nothing new, and memory has a bound. */
const most = 10_000;

interface Place extends VerifyOptions {
  readonly folder: string;
  readonly work: string;
  readonly findings: Findings;
}

/** What belongs together: the rows of a database stand in its log, too, until that is carried over. */
const companions = ['', '-wal', '-journal'] as const;

const tell = (findings: Findings, path: string, what: string, opened: Opened): void => {
  if (opened.is === 'damaged') findings.add('database', path, `${what}: ${opened.why}`);
  else if (opened.is === 'unknown') findings.unchecked(path, opened.why);
  else findings.opened();
};

/** Where the bytes of these paths (as Latin-1) are. What is a further name of another file has none of its own. */
const membersOf = async (
  folder: string,
  mount: ManifestMount,
  wanted: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Member>> => {
  const known = new Map<string, Member>();
  const files = filesOf(mount);
  for await (const batch of readIndexOf(folder, mount))
    for (const { path, type, part = 0, size, target } of batch) {
      const name = path.toString('latin1');
      const file = files[part];
      if (type === 'file' && target === undefined && file !== undefined && wanted.has(name))
        known.set(name, { file: join(folder, file), path, size });
    }
  return known;
};

/** Remembers the databases that were seen while everything was read, and opens them afterwards. */
export class Databases {
  readonly #manifest: Manifest;
  readonly #trees: Buffer[] = [];
  readonly #archives = new Map<ManifestMount, string[]>();
  #count = 0;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
  }

  /** A file, by its path below the snapshot. */
  inTree(path: Buffer): void {
    if (this.#count++ < most) this.#trees.push(Buffer.from(path));
  }

  /** A member of an archive, by its path below the root of its mount. */
  inArchive(mount: ManifestMount, path: Buffer): void {
    if (this.#count++ >= most) return;
    const known = this.#archives.get(mount) ?? [];
    known.push(path.toString('latin1'));
    this.#archives.set(mount, known);
  }

  /** Opens all of them, and the dumps. */
  async open(place: Place): Promise<void> {
    const { openers, findings } = place;
    if (openers === undefined) return;
    for (const path of this.#trees) {
      place.signal?.throwIfAborted();
      await using scratch = await Scratch.ofTree(place, path, companions);
      tell(findings, printable(path), 'SQLite', await scratch.opened(openers.sqlite, place.signal));
    }
    for (const [mount, paths] of this.#archives) await this.#openMembers(place, mount, paths);
    await this.#openDumps(place);
    if (this.#count > most) findings.unchecked('', `and ${this.#count - most} more databases`);
  }

  async #openMembers(place: Place, mount: ManifestMount, paths: readonly string[]): Promise<void> {
    const wanted = new Set(paths.flatMap((path) => companions.map((end) => path + end)));
    const known = await membersOf(place.folder, mount, wanted);
    for await (const { path, scratch } of Scratch.ofArchive(place, paths, companions, known)) {
      const name = `${mount.path}: ${printable(Buffer.from(path, 'latin1'))}`;
      tell(place.findings, name, 'SQLite', await scratch.opened(place.openers?.sqlite, place.signal));
    }
  }

  async #openDumps(place: Place): Promise<void> {
    const { folder, findings, openers, signal } = place;
    for (const dump of this.#manifest.dumps) {
      const path = Buffer.from(dump.path);
      const file = join(folder, dump.path);
      // What is missing or changed has been told already.
      if (findings.isDamaged(path) || !isRead(path, place) || !(await isPlainFile(folder, dump.path)))
        continue;
      const opened = await openers?.dump(file, dump, this.#manifest, signal);
      if (opened !== undefined) tell(findings, printable(path), dump.kind, opened);
    }
  }
}
