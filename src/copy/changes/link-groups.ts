import type { RecordEntry } from '../../snapshot/entries/records.ts';

/** Where another file system is mounted below, inode numbers may meet; with the time they hardly do. */
const fileOf = ({ inode, ctimeNs }: RecordEntry): string => `${inode} ${ctimeNs}`;

/**
 * Which hard-linked files did not show all their names. A folder that is moved takes names with it and touches
 * neither the files nor their other names: those look as they did. Memory: the files whose names are not all in.
 */
export class LinkGroups {
  readonly #missing = new Map<string, number>();

  note(entries: readonly RecordEntry[]): void {
    for (const entry of entries) {
      if (entry.links < 2 || entry.type === 'dir') continue;
      const file = fileOf(entry);
      const left = (this.#missing.get(file) ?? entry.links) - 1;
      if (left > 0) this.#missing.set(file, left);
      else this.#missing.delete(file);
    }
  }

  get isComplete(): boolean {
    return this.#missing.size === 0;
  }

  /** Whether this is another name of a file of which not all names were noted. */
  misses(entry: RecordEntry): boolean {
    return this.#missing.has(fileOf(entry));
  }
}
