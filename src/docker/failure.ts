import { errnoOf, messageOf, StackBackupError } from '../base/errors.ts';

/** HTTP status of an Engine API failure, or undefined when no answer came. */
export const statusOf = (thrown: unknown): number | undefined => {
  if (thrown instanceof StackBackupError) return thrown.details.status as number | undefined;
  return thrown instanceof Error && 'statusCode' in thrown ? (thrown.statusCode as number) : undefined;
};

const unreachable = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ETIMEDOUT',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENETUNREACH',
  'EAI_AGAIN',
]);

/** Something listens at the address, and it is not what was looked for. */
export const notAnEngine = (address: string, cause?: unknown): StackBackupError =>
  new StackBackupError('engine-unreachable', `what answers at ${address} is no Docker Engine`, {
    cause,
    next: 'Point DOCKER_HOST or the docker context at a running Docker daemon.',
  });

/**
 * Puts what dockerode threw into our own words. `doing` names the call ("stop container core-db-1").
 * An aborted call becomes `interrupted` when the caller's signal did it, else `timeout`.
 */
export const engineFailure = (
  thrown: unknown,
  doing: string,
  address: string,
  signal: AbortSignal | undefined,
): StackBackupError => {
  if (signal?.aborted === true && thrown === signal.reason)
    return new StackBackupError('interrupted', `interrupted: ${doing}`, { cause: thrown });
  if (thrown instanceof StackBackupError) return thrown;
  const errno = errnoOf(thrown);
  if (
    errno === 'ABORT_ERR' ||
    errno === 'ABORTED' ||
    (thrown instanceof Error && (thrown.name === 'AbortError' || thrown.name === 'TimeoutError'))
  )
    return signal?.aborted === true
      ? new StackBackupError('interrupted', `interrupted: ${doing}`, { cause: thrown })
      : new StackBackupError('timeout', `the engine did not answer in time: ${doing}`, {
          cause: thrown,
          next: 'Look whether the Docker daemon is busy or hung (`docker info`), then run the command again.',
          details: { unanswered: true },
        });
  if (errno === 'EACCES' || errno === 'EPERM')
    return new StackBackupError('engine-denied', `no permission to talk to the engine at ${address}`, {
      cause: thrown,
      next: 'Run as root, or as a user who may use the Docker socket.',
    });
  if (errno !== undefined && unreachable.has(errno))
    return new StackBackupError('engine-unreachable', `no Docker Engine answers at ${address} (${errno})`, {
      cause: thrown,
      next: 'Start the Docker daemon, or point DOCKER_HOST or the docker context at a running one.',
      details: { errno },
    });
  // The HTTP parser's codes: the answer was no HTTP.
  if (errno?.startsWith('HPE_') === true) return notAnEngine(address, thrown);
  const status = statusOf(thrown);
  const text = messageOf(thrown)
    .replace(/^\(HTTP code \d+\) /, '')
    .trim();
  return new StackBackupError('engine-failed', `${doing}: ${text}`, {
    cause: thrown,
    next: 'Look into the log of the Docker daemon; then run the command again.',
    ...(status === undefined ? {} : { details: { status } }),
  });
};
