import type { RecordEntry } from '../../../snapshot/entries/records.ts';

/** Names of one file; by path as Latin-1. */
export interface LinkGroup {
  /** The name under which the snapshot holds the bytes; it need not be one of those that are meant. */
  carrier: string;
  readonly names: string[];
}

/** So many names of hard-linked files are kept in memory; beyond any that is known. */
const mostNames = 2_000_000;

/** All that names of one file have in common. */
const fileOf = (entry: RecordEntry): string => {
  const { inode, ctimeNs, type, mode, uid, gid, size, mtimeNs, sha256 } = entry;
  return [inode, ctimeNs, type, mode, uid, gid, size, mtimeNs, sha256 ?? ''].join(' ');
};

/**
 * Collects the hard-linked entries of an index. Memory grows with these alone. What was one file may be several
 * in a copy of what somebody wrote to: then the copy counts, and those that are alike are one.
 */
export class LinkCollector {
  readonly #files = new Map<string, LinkGroup>();
  /** Of an archive: names without bytes, by the one that has them. */
  readonly #links = new Map<string, string[]>();
  #names = 0;

  /** Why the entry cannot be; undefined when it can. */
  add(entry: RecordEntry): string | undefined {
    const target = entry.type === 'file' ? entry.target : undefined;
    const isFile = entry.inode !== 0n && entry.links > 1; // the engine's archives know no inodes
    if (entry.type === 'dir' || (target === undefined && !isFile)) return undefined;
    if (++this.#names > mostNames) return 'the snapshot has far too many hard links';
    const name = entry.path.toString('latin1');
    if (target === undefined) this.#addFile(fileOf(entry), name);
    else this.#addLink(target.toString('latin1'), name);
    return undefined;
  }

  #addFile(file: string, name: string): void {
    const group = this.#files.get(file);
    if (group === undefined) this.#files.set(file, { carrier: name, names: [name] });
    else group.names.push(name);
  }

  #addLink(carrier: string, name: string): void {
    const names = this.#links.get(carrier);
    if (names === undefined) this.#links.set(carrier, [name]);
    else names.push(name);
  }

  /** Groups of one name too, where another name carries its bytes. The carrier comes first, if it is meant. */
  groups(has: (path: Buffer) => boolean): readonly LinkGroup[] {
    const found = new Map(
      [...this.#files.values()].flatMap((group) => group.names.map((name) => [name, group] as const)),
    );
    for (const [carrier, links] of this.#links) {
      const group = found.get(carrier) ?? { carrier, names: [] };
      // An archive's carrier does not know that others link to it.
      if (group.names.length === 0 && has(Buffer.from(carrier, 'latin1'))) group.names.push(carrier);
      for (const link of links) {
        group.names.push(link);
        found.set(link, group);
      }
    }
    return [...new Set(found.values())].filter(
      ({ carrier, names }) => names.length > 1 || names[0] !== carrier,
    );
  }
}
