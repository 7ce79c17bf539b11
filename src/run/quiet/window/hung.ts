import { setTimeout as pause } from 'node:timers/promises';
import { formatDuration } from '../../../base/duration.ts';
import { StackBackupError } from '../../../base/errors.ts';
import type { RunContext } from '../../context.ts';

/** A disk that takes longer for a few bytes, ms, hangs: the kernel itself complains of it then (`hung_task_timeout_secs`). */
const hungMs = 120_000;
/** How long services that may come back wait for a disk that is to hear of it, ms. Other data may be on its way there. */
const backMs = 10_000;

/** Whether `note` settles in time; rejects as it does. */
const inTime = async (note: () => Promise<void>, limitMs: number): Promise<boolean> => {
  const noted = note().then(() => true);
  noted.catch(() => undefined); // late, it is nobody's concern any more
  return Promise.race([noted, pause(limitMs, false, { ref: false })]);
};

/**
 * Notes on the disk of `backups` what is about to be done while services are down. Rejects with `backups-unusable`
 * when that disk hangs, so that they do not stay down for it; a warning says so at once, because the end of such a run
 * may be far away.
 */
export const notedOrHung = async (
  { warn }: Pick<RunContext, 'warn'>,
  backups: string,
  note: () => Promise<void>,
  limitMs = hungMs,
): Promise<void> => {
  if (await inTime(note, limitMs)) return;
  const message = `the disk of ${backups} hangs: for ${formatDuration(limitMs)} nothing could be written to it while services were down`;
  warn({ code: 'disk-hangs', message: `${message}; they are brought back` });
  throw new StackBackupError('backups-unusable', message, {
    next: 'Look into the kernel log (`dmesg`) and at that disk or its server; then run it again.',
  });
};

/** Notes that services come back. It may be late, or not be: that is no reason to keep them down. */
export const notedSoon = async (note: () => Promise<void>, limitMs = backMs): Promise<void> => {
  await inTime(note, limitMs);
};
