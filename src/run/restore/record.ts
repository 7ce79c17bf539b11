import { basename } from 'node:path';
import type { DataState, Outcome } from '../../base/events.ts';
import type { JournalRestore } from '../journal.ts';
import type { RestoreRecord } from '../record.ts';

/** What the history tells of a restore. */
export const restoreRecord = (restore: JournalRestore, data: DataState): RestoreRecord => {
  const { from, safety, mounts, loads } = restore;
  const paths = mounts.flatMap((mount) => mount.paths ?? []);
  return {
    from: basename(from),
    folder: from,
    data,
    ...(safety === undefined ? {} : { safety }),
    mounts: mounts.map(({ name }) => name),
    created: mounts.flatMap(({ name, created }) => (created === true ? [name] : [])),
    ...(paths.length === 0 ? {} : { paths }),
    ...(loads === undefined ? {} : { dumps: loads }),
  };
};

/** Data that is neither the old nor the new is the worst there is, also when nothing ran on it. */
export const restoreOutcome = (outcome: Outcome, data: DataState): Outcome =>
  data === 'half-restored' ? 'services-down' : outcome;
