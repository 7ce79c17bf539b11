import type { EntryType } from '../../../snapshot/types.ts';
import { isBelow } from '../../changes/paths.ts';

interface Pathed {
  readonly path: Buffer;
  readonly type?: EntryType;
}

/** What SQLite keeps beside a database: only together are they one. */
const companions = ['-wal', '-shm', '-journal'];

const baseOf = (path: Buffer): Buffer => {
  const text = path.toString('latin1');
  const ending = companions.find((one) => text.endsWith(one));
  return ending === undefined ? path : path.subarray(0, path.length - ending.length);
};

const withCompanions = (path: Buffer): readonly Buffer[] => {
  const base = baseOf(path);
  return [base, ...companions.map((ending) => Buffer.concat([base, Buffer.from(ending)]))];
};

/** Which part of a mount is meant: all of it, or some entries with what lies below them. */
export class Narrowing {
  /** Undefined: everything. */
  readonly #paths: readonly Buffer[] | undefined;
  readonly #found = new Set<string>();

  constructor(paths: readonly Buffer[] | undefined) {
    this.#paths = paths?.some((path) => path.length === 0) ? undefined : paths;
  }

  get isWhole(): boolean {
    return this.#paths === undefined;
  }

  /** Whether an entry is meant: named, or below one that is, or a file of one SQLite database with it. */
  has({ path, type }: Pathed): boolean {
    const paths = this.#paths;
    if (paths === undefined) return true;
    return paths.some(
      (named) => path.equals(named) || isBelow(path, named) || (type !== 'dir' && belongs(named, path)),
    );
  }

  /** Whether it is a folder above an entry that is meant: it has to be there. */
  isAbove({ path }: Pathed): boolean {
    const paths = this.#paths;
    return paths?.some((named) => path.length === 0 || isBelow(named, path)) === true;
  }

  /** Remembers that the snapshot has this entry. */
  note({ path }: Pathed): void {
    for (const named of this.#paths ?? []) if (path.equals(named)) this.#found.add(named.toString('latin1'));
  }

  /** Named, but not in the snapshot. */
  get missing(): readonly Buffer[] {
    return (this.#paths ?? []).filter((named) => !this.#found.has(named.toString('latin1')));
  }
}

const belongs = (named: Buffer, path: Buffer): boolean =>
  path.length <= named.length + 8 &&
  path.length + 8 >= named.length &&
  withCompanions(named).some((one) => one.equals(path));
