import { comparePaths, printable, type RecordEntry } from './records.ts';

type Entries = AsyncIterable<readonly RecordEntry[]>;

/** What each of several streams has for one path. */
export type Row = readonly (RecordEntry | undefined)[];

/** Reads a stream entry by entry, waiting only where a batch ends: millions of them pass here. */
class Cursor {
  readonly #batches: AsyncIterator<readonly RecordEntry[]>;
  #batch: readonly RecordEntry[] = [];
  #at = 0;

  constructor(entries: Entries) {
    this.#batches = entries[Symbol.asyncIterator]();
  }

  get head(): RecordEntry | undefined {
    return this.#batch[this.#at];
  }

  /** Goes to the next entry; false when that needs `load` first. */
  next(): boolean {
    return ++this.#at < this.#batch.length;
  }

  /** Takes batches until there is an entry, or the stream has ended (then there is no head). */
  async load(): Promise<void> {
    while (this.head === undefined) {
      const next = await this.#batches.next();
      if (next.done) return;
      this.#batch = next.value;
      this.#at = 0;
    }
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

const rowBatch = 512;

const firstPath = (cursors: readonly Cursor[]): Buffer | undefined => {
  let first: Buffer | undefined;
  for (const { head } of cursors)
    if (head !== undefined && (first === undefined || comparePaths(head.path, first) < 0)) first = head.path;
  return first;
};

/** Walks sorted streams side by side, path after path. */
export async function* sideBySide(
  ...streams: readonly Entries[]
): AsyncGenerator<readonly Row[], void, void> {
  const cursors = streams.map((entries) => new Cursor(entries));
  try {
    for (const cursor of cursors) await cursor.load();
    let rows: Row[] = [];
    for (let path = firstPath(cursors); path !== undefined; path = firstPath(cursors)) {
      const here = path;
      const row = cursors.map(({ head }) => (head?.path.equals(here) ? head : undefined));
      rows.push(row);
      if (rows.length === rowBatch) {
        yield rows;
        rows = [];
      }
      for (const [place, cursor] of cursors.entries())
        if (row[place] !== undefined && !cursor.next()) await cursor.load();
    }
    if (rows.length > 0) yield rows;
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
}

/** Passes a stream on and rejects where it is not in the order of sorted records, or names a path twice. */
export async function* ascending(entries: Entries): AsyncGenerator<readonly RecordEntry[], void, void> {
  let last: Buffer | undefined;
  for await (const batch of entries) {
    for (const { path } of batch) {
      if (last !== undefined && comparePaths(last, path) >= 0)
        throw new Error(`${printable(path)} is out of order or there twice`);
      last = path;
    }
    yield batch;
  }
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

/** What `difference` looks at, without words for it: nearly all entries are alike. */
const areAlike = (expected: RecordEntry, found: RecordEntry): boolean =>
  expected.type === found.type &&
  (expected.type !== 'file' || expected.size === found.size) &&
  expected.uid === found.uid &&
  expected.gid === found.gid &&
  expected.mode === found.mode &&
  expected.mtimeNs === found.mtimeNs &&
  (expected.target === found.target ||
    (expected.target !== undefined && found.target?.equals(expected.target) === true));

/**
 * How a copy differs from what it should be, in words; undefined when it does not. Times of folders count
 * too; inodes, change times and the number of links cannot be copied and do not.
 */
export const difference = (expected: RecordEntry, found: RecordEntry): string | undefined => {
  if (areAlike(expected, found)) return undefined;
  const differ = (what: string, a: unknown, b: unknown): string | undefined =>
    a === b ? undefined : `${what} is ${String(b)}, not ${String(a)}`;
  const sized = expected.type === 'file';
  return (
    differ('its type', expected.type, found.type) ??
    (sized ? differ('its size', expected.size, found.size) : undefined) ??
    differ('its owner', expected.uid, found.uid) ??
    differ('its group', expected.gid, found.gid) ??
    differ('its mode', octal(expected.mode), octal(found.mode)) ??
    differ('its time', expected.mtimeNs, found.mtimeNs) ??
    differ('its target', targetOf(expected), targetOf(found))
  );
};

const targetOf = (entry: RecordEntry): string | undefined =>
  entry.target === undefined ? undefined : printable(entry.target);

/** The difference is only that a file system cut the time short (a coarser clock), and nothing else. */
export const isTimeCutShort = (expected: RecordEntry, found: RecordEntry): boolean => {
  const cut = expected.mtimeNs - found.mtimeNs;
  const coarse = found.mtimeNs % 100n === 0n;
  return (
    cut > 0n &&
    cut < 2_000_000_000n &&
    coarse &&
    difference(expected, { ...found, mtimeNs: expected.mtimeNs }) === undefined
  );
};
