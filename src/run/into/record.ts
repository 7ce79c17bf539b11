import type { Clock } from '../../base/clock.ts';
import { asStackBackupError } from '../../base/errors.ts';
import type { Journal } from '../journal.ts';

/** What is known of a restore into a new project when it is over: its line in the history. Times are ISO 8601. */
export interface IntoRecord {
  readonly version: 1;
  readonly kind: 'into';
  readonly run: string;
  /** Of the snapshot. */
  readonly instance: string;
  /** The new Compose project, and its folder, absolute. */
  readonly project: string;
  readonly folder: string;
  readonly snapshot: string;
  /** Absolute path of the snapshot. */
  readonly path: string;
  readonly started: string;
  readonly finished: string;
  /** `failed` and `interrupted`: what was made was removed again, unless a recovery has to. */
  readonly outcome: 'complete' | 'complete-with-warnings' | 'failed' | 'interrupted';
  readonly error?: { readonly code: string; readonly message: string; readonly next?: string };
  /** Services that did not get healthy, in words. */
  readonly problems: readonly string[];
  readonly totalMs: number;
}

/** How it ended: services that are not well, or what went wrong. */
export type IntoEnd = { readonly problems: readonly string[] } | { readonly thrown: unknown };

const endOf = (end: IntoEnd): Pick<IntoRecord, 'outcome' | 'error' | 'problems'> => {
  if ('problems' in end) {
    const { problems } = end;
    return { outcome: problems.length === 0 ? 'complete' : 'complete-with-warnings', problems };
  }
  const { code, message, next } = asStackBackupError(end.thrown);
  return {
    outcome: code === 'interrupted' ? 'interrupted' : 'failed',
    error: { code, message, ...(next === undefined ? {} : { next }) },
    problems: [],
  };
};

/** The record of one that is over. Its journal names the snapshot, and whose it is. */
export const intoRecord = (
  { id, instance, project, snapshot, started, into }: Omit<Journal, 'process'>,
  end: IntoEnd,
  clock: Clock,
): IntoRecord => {
  const finished = clock.now();
  return {
    version: 1,
    kind: 'into',
    run: id,
    instance: into?.instance ?? instance,
    project,
    folder: into?.folder ?? '',
    snapshot,
    path: into?.from ?? snapshot,
    started,
    finished: finished.toISOString(),
    ...endOf(end),
    totalMs: Math.max(0, finished.getTime() - Date.parse(started)),
  };
};
