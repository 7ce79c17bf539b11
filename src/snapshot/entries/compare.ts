import { comparePaths, flatten, printable, type RecordEntry } from './records.ts';

type Entries = AsyncIterable<readonly RecordEntry[]>;

/** Walks sorted streams side by side: what each of them has for one path, path after path. */
export async function* sideBySide(
  ...streams: readonly Entries[]
): AsyncGenerator<readonly (RecordEntry | undefined)[], void, void> {
  const readers = streams.map((stream) => flatten(stream));
  try {
    const heads = await Promise.all(readers.map(async (reader) => (await reader.next()).value));
    for (;;) {
      let least: RecordEntry | undefined;
      for (const head of heads)
        if (head && (least === undefined || comparePaths(head.path, least.path) < 0)) least = head;
      if (least === undefined) return;
      const { path } = least;
      const row = heads.map((head) => (head?.path.equals(path) ? head : undefined));
      yield row;
      for (const [place, entry] of row.entries())
        if (entry !== undefined) heads[place] = (await readers[place]?.next())?.value ?? undefined;
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.return()));
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

/**
 * How a copy differs from what it should be, in words; undefined when it does not. Times of folders count
 * too; inodes, change times and the number of links cannot be copied and do not.
 */
export const difference = (expected: RecordEntry, found: RecordEntry): string | undefined => {
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
