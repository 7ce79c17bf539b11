import { difference } from '../entries/compare.ts';
import { printable, type RecordEntry } from '../entries/records.ts';
import type { HashRequest } from '../hashing.ts';
import { manifestName, plainFolders, sumsName } from '../layout.ts';
import type { ManifestMount } from '../types.ts';
import type { Findings } from './verification.ts';

/** A file whose content has to have this hash. */
export interface Expected {
  readonly path: Buffer;
  readonly size: number;
  readonly sha256: string;
}

export interface Row {
  /** What lies there. */
  readonly found: RecordEntry | undefined;
  /** What SHA256SUMS says. */
  readonly sum: RecordEntry | undefined;
  /** What the index of its mount says. */
  readonly index: RecordEntry | undefined;
}

/** `volumes/core_db` of `volumes/core_db/base/1`. */
const placeOf = (path: Buffer): string => path.toString('latin1').split('/', 2).join('/');

/** Holds what is there against what should be. */
export class Judge {
  readonly #trees: ReadonlySet<string>;
  readonly #broken: ReadonlySet<string>;
  readonly #findings: Findings;

  /** `broken` names the mounts whose index cannot be used; it may grow while rows come. */
  constructor(mounts: readonly ManifestMount[], broken: ReadonlySet<string>, findings: Findings) {
    this.#trees = new Set(mounts.filter((mount) => mount.form === 'tree').map((mount) => mount.path));
    this.#broken = broken;
    this.#findings = findings;
  }

  /** Reports what is wrong with one path; what its content must be is checked by whoever gets the answer. */
  row(row: Row): HashRequest<Expected> | undefined {
    const { found, sum, index } = row;
    const path = (found ?? sum ?? index)?.path;
    if (path === undefined) return undefined;
    const add = (kind: 'missing' | 'extra' | 'index', message: string): undefined =>
      this.#findings.add(kind, printable(path), message) as undefined;
    if (found === undefined) return add('missing', 'it is not there');
    if (isOwn(path)) return found.type === 'file' ? undefined : add('extra', `a ${found.type}, not a file`);
    if (this.#isIndexed(path)) {
      if (index === undefined) return add('extra', 'the index of its volume does not name it');
      const differs = difference(index, found);
      if (differs !== undefined) add('index', differs);
      if (sum !== undefined && index.sha256 !== sum.sha256)
        add('index', 'the index and SHA256SUMS disagree about its checksum');
    }
    if (found.type === 'file') {
      if (sum?.sha256 === undefined) return add('extra', 'SHA256SUMS does not name it');
      const { size } = found;
      return { item: { path, size, sha256: sum.sha256 }, path, size };
    }
    if (sum !== undefined) return add('missing', `there is a ${found.type} where a file should be`);
    if (!this.#isExplained(found)) add('extra', `a ${found.type} that nothing names`);
    return undefined;
  }

  #isIndexed(path: Buffer): boolean {
    const place = placeOf(path);
    return this.#trees.has(place) && !this.#broken.has(place);
  }

  /** Folders that only hold the rest; everything inside a mount is named by its index. */
  #isExplained(found: RecordEntry): boolean {
    if (this.#trees.has(placeOf(found.path))) return true;
    if (found.type !== 'dir') return false;
    const parts = found.path.toString('latin1').split('/');
    const [top = ''] = parts;
    return (
      top === '' || plainFolders.includes(top) || (['volumes', 'binds'].includes(top) && parts.length === 1)
    );
  }
}

/** The manifest is checked by its schema, and SHA256SUMS by the manifest. */
const isOwn = (path: Buffer): boolean => [manifestName, sumsName].includes(path.toString('latin1'));
