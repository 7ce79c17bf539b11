import { StackBackupError } from '../../base/errors.ts';
import { printable } from '../../snapshot/entries/records.ts';

/** The snapshot is not what it should be, or means harm. */
export const refused = (what: string, why: string, path?: Buffer): StackBackupError =>
  new StackBackupError(
    'verify-failed',
    `${what} cannot be put back: ${path === undefined ? '' : `${printable(path) || '.'}: `}${why}`,
    { next: 'Look at it with `stack-backup verify`, and use another snapshot or a replica.' },
  );

/** The target did not take it. */
export const stuck = (target: string, why: string, cause?: unknown): StackBackupError =>
  new StackBackupError('copy-failed', `cannot put back all of ${target}: ${why}`, {
    cause,
    next: /no space left|ENOSPC|quota/i.test(why)
      ? 'Free space on the file system of the target, then restore again: it goes on where it stopped.'
      : 'See what the message names, then restore again: it goes on where it stopped.',
  });
