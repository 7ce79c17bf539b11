import { formatDuration } from '../../../base/duration.ts';
import { StackBackupError } from '../../../base/errors.ts';
import { heeding } from '../../../base/wait/heed.ts';
import type { BackupPlan } from '../../../plan/types.ts';

/** Bringing back rarely takes exactly as long as the last time; and what is at work has to be ended first. */
const backFactor = 1.2;
const endingMs = 300;

/**
 * How much of the limit is kept for the way back, ms. Never more than half of it: a prediction is no reason not
 * to try, and what takes longer than that to come back cannot keep the limit anyway.
 */
export const keptForBack = (limit: number, predicted: number | undefined): number =>
  Math.min((predicted ?? 0) * backFactor + endingMs, limit / 2);

/**
 * `limits.max_downtime`: the work is abandoned, and the services come back, as long before it is over as that is
 * expected to take.
 */
export const downtimeLimit = (
  plan: BackupPlan,
): { readonly signal: AbortSignal; readonly release: () => void } => {
  const controller = new AbortController();
  const limit = plan.instance.limits.maxDowntime;
  if (limit === 0) return { signal: controller.signal, release: () => undefined };
  const kept = keptForBack(limit, plan.predictedBackMs);
  const reason = new StackBackupError(
    'timeout',
    `the services were down for ${formatDuration(limit - kept)}, and bringing them back takes time too: at most ${formatDuration(limit)} are allowed (limits.max_downtime)`,
    {
      next: 'Raise limits.max_downtime, or make the window shorter: see `stack-backup plan`.',
    },
  );
  const timer = setTimeout(() => controller.abort(reason), limit - kept);
  return { signal: controller.signal, release: () => clearTimeout(timer) };
};

/** How long work may take to end after it was told to, ms; a child gets 3 s between TERM and KILL. */
const leaveMs = 5_000;

/**
 * What `work` comes to. When it does not end soon after the signal told it to (a disk that hangs, a process
 * that cannot be killed), it is left behind: services do not stay down for it.
 */
export const endingSoon = async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => late.abort(signal.reason), leaveMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await heeding(late.signal, work);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
};
