import { open } from 'node:fs/promises';
import type { Pace } from '../../base/process/pace.ts';
import { parseRecords, type RecordEntry } from '../../snapshot/entries/records.ts';
import type { Cloning } from '../large/copy-command.ts';
import { streamRecords } from '../walk.ts';
import { sharedWalk } from '../walking/shared-walk.ts';
import { wholeRecords } from '../walking/whole.ts';
import type { Source } from '../warm/types.ts';
import { Capture, type Captured } from './capture.ts';
import type { FileMoment, Fingerprint } from './fingerprint.ts';
import { LinkGroups } from './link-groups.ts';
import { Seen } from './seen.ts';
import { momentOf } from './stamp.ts';

type Known = Pick<Source, 'fingerprint' | 'seen' | 'copied'> & { readonly since: FileMoment };

/** Whether the record that `fingerprint` stands on, as read for the source, is one that has to be copied. */
const isChanged = (known: Known, bytes: Buffer, start: number, end: number): boolean => {
  const { fingerprint, seen, copied, since } = known;
  if (!seen.has(fingerprint.low, fingerprint.high) || fingerprint.changedSince(since)) return true;
  if (copied === undefined) return false;
  fingerprint.read(bytes, start, end, 'copy');
  return !copied.has(fingerprint.low, fingerprint.high);
};

/** All entries of a file of records, as fingerprints. */
export const fingerprintsOf = async (
  chunks: AsyncIterable<Buffer>,
  fingerprint: Fingerprint,
  fields: 'source' | 'copy',
): Promise<Seen> => {
  const seen = new Seen();
  for await (const bytes of wholeRecords(chunks))
    for (let start = 0, end = bytes.indexOf(0); end !== -1; start = end + 1, end = bytes.indexOf(0, start)) {
      fingerprint.read(bytes, start, end, fields);
      seen.add(fingerprint.low, fingerprint.high);
    }
  return seen;
};

interface PassOptions {
  /** Where the records of all entries are kept, if anybody needs them. */
  readonly records?: string;
  /** Prefix of what is captured. */
  readonly into: string;
  readonly live: boolean;
  readonly archiveOnly?: boolean;
  /** Nobody will look for changes after this pass: the entries need not be remembered. */
  readonly last?: boolean;
  /** Nobody writes: the walk may be shared out. */
  readonly quiet?: boolean;
  readonly cloning?: Cloning | undefined;
  readonly pace?: Pace | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * The names that look unchanged of hard-linked files of which others were handed on: only all together do they
 * keep their link. One more walk, of such files alone.
 */
const otherNames = async (
  { source }: Source,
  known: Known,
  groups: LinkGroups,
  changed: (entries: readonly RecordEntry[]) => Promise<void>,
  { live, signal }: PassOptions,
): Promise<void> => {
  const options = { live, linkedOnly: true, ...(signal && { signal }) };
  for await (const bytes of wholeRecords(streamRecords(source, options))) {
    const same: Buffer[] = [];
    for (let start = 0, end = bytes.indexOf(0); end !== -1; start = end + 1, end = bytes.indexOf(0, start)) {
      known.fingerprint.read(bytes, start, end, 'source');
      if (!isChanged(known, bytes, start, end)) same.push(bytes.subarray(start, end + 1));
    }
    for await (const batch of parseRecords(same))
      await changed(batch.filter((entry) => groups.misses(entry)));
  }
};

/**
 * Walks a tree once with `find`, keeps every record if asked to, and hands on those that are not known, or not known
 * for sure, as they come. No object is made of the others, so that the walk costs little more than `find`
 * alone. Memory: 16 to 27 bytes an entry. Resolves with the entries as they are now.
 */
const passOver = async (
  from: Source,
  changed: (entries: readonly RecordEntry[]) => Promise<void>,
  options: PassOptions,
): Promise<Seen> => {
  const { records, live, last = false, quiet = false, signal } = options;
  const { source, fingerprint, seen, copied, since } = from;
  const known: Known = { fingerprint, seen, copied, since: momentOf(since) };
  const now = new Seen();
  const groups = new LinkGroups();
  const out = records === undefined ? undefined : await open(records, 'wx', 0o600);
  try {
    const chunks = quiet
      ? sharedWalk(source, seen.size, signal)
      : wholeRecords(streamRecords(source, { live, ...(signal && { signal }) }));
    for await (const bytes of chunks) {
      const kept = out?.writeFile(bytes);
      const found: Buffer[] = [];
      for (
        let start = 0, end = bytes.indexOf(0);
        end !== -1;
        start = end + 1, end = bytes.indexOf(0, start)
      ) {
        fingerprint.read(bytes, start, end, 'source');
        if (!last) now.add(fingerprint.low, fingerprint.high);
        if (isChanged(known, bytes, start, end)) found.push(bytes.subarray(start, end + 1));
      }
      for await (const batch of parseRecords(found)) {
        groups.note(batch);
        await changed(batch);
      }
      await kept;
    }
    if (!groups.isComplete) await otherNames(from, known, groups, changed, options);
  } finally {
    await out?.close();
  }
  return now;
};

/** Walks the source, and copies aside whatever changed since it was copied. */
export const captureChanges = async (
  warm: Source,
  options: PassOptions,
): Promise<{ readonly captured: Captured; readonly seen: Seen }> => {
  const { into, live, archiveOnly = false, cloning, pace, signal } = options;
  const giveUp = new AbortController();
  const either = signal === undefined ? giveUp.signal : AbortSignal.any([signal, giveUp.signal]);
  const capture = new Capture({
    ...{ source: warm.source, into, live, archiveOnly, signal: either },
    ...(cloning && { cloning }),
    ...(pace && { pace }),
  });
  try {
    const seen = await passOver(warm, (entries) => capture.add(entries), options);
    return { captured: await capture.finish(), seen };
  } catch (error) {
    giveUp.abort();
    await capture.finish().catch(() => undefined); // its processes have ended when this settles
    throw error;
  }
};
