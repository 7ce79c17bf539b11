import { messageOf, StackBackupError } from '../base/errors.ts';
import { statusOf } from './failure.ts';

/** Errors without an answer. A socket made anew belongs to root alone for a moment, so `denied` is one, too. */
const unanswered: ReadonlySet<string> = new Set(['engine-unreachable', 'engine-denied']);

/** What stands before the engine (a proxy, a socket that systemd holds) answers so while there is none. */
const noService: ReadonlySet<number> = new Set([502, 503, 504]);

/** How the engine fails while it shuts down, or while its own containerd is away; gRPC's words and Moby's. */
const inTrouble =
  /transport is closing|connection error: desc|code = (?:Unavailable|Canceled)|shutting down|context canceled|containerd\.sock/;

/**
 * Whether a call failed because the engine was not there for it: refused, cut off, not answered in time, or
 * answered by an engine on its way down. Such a call can be made again once the engine answers; and whether
 * it was carried out, only a look at its container tells.
 */
export const isOutage = (thrown: unknown): boolean => {
  if (!(thrown instanceof StackBackupError)) return false;
  if (unanswered.has(thrown.code) || thrown.details.unanswered === true) return true;
  const status = statusOf(thrown);
  if (thrown.code !== 'engine-failed' || status === undefined) return false;
  return noService.has(status) || (status >= 500 && inTrouble.test(messageOf(thrown)));
};

const firstMs = 100;
const longestMs = 2_000;

/** How long to wait before the engine is asked for the `attempt`-th time (from 0) whether it is there, ms. */
export const backOff = (attempt: number): number => Math.min(firstMs * 2 ** Math.min(attempt, 10), longestMs);
