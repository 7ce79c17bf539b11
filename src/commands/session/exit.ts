import { asStackBackupError, type ErrorCode, type StackBackupError } from '../../base/errors.ts';
import type { Outcome } from '../../base/events.ts';

/** The documented exit codes (README, "Exit codes"). */
export const exitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  warnings: 3,
  servicesDown: 4,
  locked: 5,
  verifyFailed: 6,
  different: 7,
} as const;

/** 128 + the signal's number, as shells count. */
const signalCode: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

const byError: Readonly<Partial<Record<ErrorCode, number>>> = {
  usage: exitCode.usage,
  'config-missing': exitCode.usage,
  'config-invalid': exitCode.usage,
  'instance-unknown': exitCode.usage,
  'env-missing': exitCode.usage,
  'compose-invalid': exitCode.usage,
  'snapshot-unknown': exitCode.usage,
  'path-unknown': exitCode.usage,
  'restore-refused': exitCode.usage,
  locked: exitCode.locked,
  'verify-failed': exitCode.verifyFailed,
  'drill-failed': exitCode.verifyFailed,
  'services-down': exitCode.servicesDown,
};

/** The one table from errors to exit codes. `signal` is the one that interrupted the run, if any. */
export const codeOfError = (code: ErrorCode, signal: NodeJS.Signals | undefined): number =>
  code === 'interrupted'
    ? (signalCode[signal ?? 'SIGINT'] ?? exitCode.failed)
    : (byError[code] ?? exitCode.failed);

/** What to tell of something that failed: when everything was told to end, why it was told so. */
export const errorToTell = (thrown: unknown, signal: AbortSignal): StackBackupError =>
  asStackBackupError(signal.aborted ? signal.reason : thrown);

/** The exit code of a run that came to an end. */
export const codeOfOutcome = (
  outcome: Outcome,
  errorCode: ErrorCode | undefined,
  signal: NodeJS.Signals | undefined,
): number => {
  if (outcome === 'services-down') return exitCode.servicesDown;
  if (outcome === 'complete') return exitCode.done;
  if (outcome === 'complete-with-warnings') return exitCode.warnings;
  return codeOfError(errorCode ?? (outcome === 'interrupted' ? 'interrupted' : 'internal'), signal);
};

/** Of several instances in one call the worst counts: services down first, then interruption, failure, warnings. */
export const worstCode = (codes: readonly number[]): number => {
  const order = [
    exitCode.servicesDown,
    130,
    143,
    129,
    exitCode.verifyFailed,
    exitCode.failed,
    exitCode.usage,
    exitCode.locked,
    exitCode.warnings,
  ];
  return order.find((code) => codes.includes(code)) ?? Math.max(0, ...codes);
};
