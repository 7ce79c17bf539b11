import type { RecordEntry } from '../../../snapshot/entries/records.ts';

/** Names of one file; by path as Latin-1. */
export interface LinkGroup {
  /** The name under which the snapshot holds the bytes; it need not be one of those that are meant. */
  carrier: string;
  readonly names: string[];
}

/** So many names of hard-linked files are kept in memory; beyond any that is known. */
const mostNames = 2_000_000;

const likenessOf = ({ type, mode, uid, gid, size, mtimeNs }: RecordEntry): string =>
  `${type} ${mode} ${uid} ${gid} ${size} ${mtimeNs}`;

/** Collects the hard-linked entries of an index. Memory grows with these alone. */
export class LinkCollector {
  readonly #groups = new Map<string, LinkGroup & { readonly like: string }>();
  #names = 0;

  /** Why the entry cannot be; undefined when it can. */
  add(entry: RecordEntry): string | undefined {
    if (entry.type === 'dir') return undefined;
    const name = entry.path.toString('latin1');
    const linked = entry.type === 'file' ? entry.target?.toString('latin1') : undefined;
    // The engine's archives know no inodes, only which name a link stands for.
    const key =
      entry.inode !== 0n && entry.links > 1 ? `${entry.inode} ${entry.ctimeNs}` : linked && `/${linked}`;
    if (key === undefined) return undefined;
    if (++this.#names > mostNames) return 'the snapshot has far too many hard links';
    const like = entry.inode === 0n ? '' : likenessOf(entry);
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, { carrier: linked ?? name, names: [name], like });
    else if (group.like !== like) return 'its hard links contradict each other';
    else {
      group.names.push(name);
      if (linked === undefined) group.carrier = name;
    }
    return undefined;
  }

  /** Groups of one name too, where another name carries its bytes. The carrier comes first, if it is meant. */
  groups(has: (path: Buffer) => boolean): readonly LinkGroup[] {
    // An archive's carrier does not know that others link to it.
    for (const [key, group] of this.#groups)
      if (key.startsWith('/') && has(Buffer.from(group.carrier, 'latin1')))
        group.names.unshift(group.carrier);
    return [...this.#groups.values()]
      .filter(({ carrier, names }) => names.length > 1 || names[0] !== carrier)
      .map(({ carrier, names }) => ({
        carrier,
        names: names.includes(carrier) ? [carrier, ...names.filter((name) => name !== carrier)] : names,
      }));
  }
}
