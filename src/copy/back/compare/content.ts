import { sideBySide } from '../../../snapshot/entries/compare.ts';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { type HashRequest, hashFiles } from '../../../snapshot/hashing.ts';
import { readIndexOf } from '../../../snapshot/index-file.ts';
import { isShared } from '../../shared.ts';
import type { BackOptions, BackSource } from '../types.ts';
import { rootedAt, type Wanted } from '../wanted/wanted.ts';
import { Pile } from './pile.ts';

/** Files of which a walk cannot tell whether their content is what the snapshot has. */
export class Doubted {
  readonly #wanted: Pile;
  readonly #found: Pile;
  #bytes = 0;

  constructor(file: string) {
    this.#wanted = new Pile(file);
    this.#found = new Pile(`${file}-found`);
  }

  /** What the snapshot has, and what the target has, in the order of sorted records. */
  add(wanted: RecordEntry, found: RecordEntry): void {
    this.#wanted.add(wanted);
    this.#found.add(found);
    this.#bytes += found.size;
  }

  get count(): number {
    return this.#wanted.count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  wanted(): AsyncGenerator<readonly RecordEntry[], void, void> {
    return this.#wanted.entries();
  }

  found(): AsyncGenerator<readonly RecordEntry[], void, void> {
    return this.#found.entries();
  }

  close(): void {
    this.#wanted.close();
    this.#found.close();
  }
}

async function* nothing(): AsyncGenerator<readonly RecordEntry[], void, void> {}

/** So many bytes are hashed while one line of an index is read. */
const bytesALine = 4096;

/** What a snapshot that was just made of the target knows of it, where reading that costs less than hashing. */
const indexOf = (known: BackSource | undefined, { bytes }: Doubted) =>
  known === undefined || bytes < known.mount.entries * bytesALine
    ? nothing()
    : readIndexOf(known.folder, known.mount);

interface Content {
  readonly entry: RecordEntry;
  /** Known without reading it. */
  readonly hash: string | undefined;
}

/** Tells of each of these files whether the target has its content: by what is known of it, else by reading it. */
export const contentIs = async (
  doubted: Doubted,
  {
    target,
    wanted,
    options: { known, signal },
  }: { readonly target: string; readonly wanted: Wanted; readonly options: BackOptions },
  tell: (entry: RecordEntry, isEqual: boolean) => void,
): Promise<void> => {
  if (doubted.count === 0) return;
  const { root, at } = rootedAt(target, wanted);
  const settled = BigInt(known?.mount.settled ?? 0);
  const requests = async function* (): AsyncGenerator<readonly HashRequest<Content>[], void, void> {
    const streams = [doubted.wanted(), doubted.found(), indexOf(known, doubted)] as const;
    for await (const rows of sideBySide(...streams))
      yield rows.flatMap(([entry, found, now]) => {
        if (entry === undefined || found === undefined) return [];
        const hash = now !== undefined && isShared(found, now, settled) ? now.sha256 : undefined;
        const path = hash === undefined ? { path: Buffer.from(at(entry.path)) } : {};
        return [{ item: { entry, hash }, size: entry.size, ...path }];
      });
  };
  for await (const results of hashFiles(root, requests(), signal === undefined ? {} : { signal }))
    for (const { item, sha256 } of results) tell(item.entry, (item.hash ?? sha256) === item.entry.sha256);
};
