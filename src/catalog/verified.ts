import type { Problem } from '../snapshot/verify.ts';

/** Which share of the content was read, and of how many: all of them in turn read everything. */
export interface Sample {
  /** What was asked for. */
  readonly percent: number;
  /** From 0. */
  readonly part: number;
  readonly of: number;
}

/** Somebody verified a snapshot: its line in the history. */
export interface VerifyRecord {
  readonly version: 1;
  readonly kind: 'verify';
  readonly instance: string;
  readonly snapshot: string;
  /** Absolute. */
  readonly path: string;
  /** ISO 8601. */
  readonly started: string;
  readonly finished: string;
  readonly outcome: 'whole' | 'damaged';
  /** Absent when all of it was read. */
  readonly sample?: Sample;
  readonly files: number;
  readonly bytes: number;
  /** How many there are, and the first of them. */
  readonly problems: number;
  readonly first: readonly Problem[];
  /** Databases and dumps that nothing here could open. */
  readonly unchecked: number;
  readonly totalMs: number;
}

/** What is known of a snapshot from those who looked. */
export interface Verified {
  readonly ok: boolean;
  /** ISO 8601. */
  readonly at: string;
  /** Per cent of the content that was read; absent: all. */
  readonly percent?: number;
}

/**
 * The word on each snapshot, by its folder name, from lines of the history (oldest first). What was found
 * damaged stays so until all of it was read and found whole: a sample may have looked elsewhere.
 */
export const verifiedOf = (records: Iterable<{ readonly kind?: string }>): ReadonlyMap<string, Verified> => {
  const known = new Map<string, Verified>();
  for (const record of records) {
    if (record.kind !== 'verify') continue;
    const { snapshot, outcome, finished, sample } = record as VerifyRecord;
    const ok = outcome === 'whole';
    if (ok && sample !== undefined && known.get(snapshot)?.ok === false) continue;
    known.set(snapshot, { ok, at: finished, ...(sample && { percent: sample.percent }) });
  }
  return known;
};
