import { asStackBackupError, StackBackupError } from '../base/errors.ts';
import type { HookConfig } from '../config/types.ts';
import type { Engine, ExecRequest } from '../docker/engine.ts';
import type { Stack, StackContainer } from '../stack/types.ts';
import { excerpt, OutputTail } from './output.ts';
import type { HookContext } from './types.ts';

/** The container a hook means: of its service, running before not running, lowest replica number first. */
export const containerOf = (
  hook: Pick<HookConfig, 'service'>,
  stack: Pick<Stack, 'containers'>,
): StackContainer | undefined => {
  const rank = (it: StackContainer): number =>
    (it.details.state === 'running' ? 0 : 1e6) + (it.oneOff ? 1e5 : 0) + it.number;
  return stack.containers
    .filter((it) => it.service === hook.service)
    .sort((a, b) => rank(a) - rank(b))
    .at(0);
};

/** The container of the hook's service, in whatever state; its mounts are known even when it is down. */
export const requireContainer = (hook: HookConfig, context: HookContext): StackContainer => {
  const found = context.container ?? containerOf(hook, context.stack);
  if (found !== undefined) return found;
  const known = [...new Set(context.stack.containers.map((it) => it.service))].sort();
  throw new StackBackupError(
    'hook-failed',
    `service ${hook.service ?? ''} has no container in project ${context.stack.project}`,
    {
      next:
        known.length === 0
          ? 'Start the stack once, so that its containers exist.'
          : `Name one of the services that exist (${known.join(', ')}), or create this one with \`docker compose up\`.`,
    },
  );
};

/** The container to run a process in: it has to run now, and still in the hook's phase. */
export const requireRunning = (hook: HookConfig, context: HookContext): StackContainer => {
  const container = requireContainer(hook, context);
  const { state } = container.details;
  if (state !== 'running')
    throw new StackBackupError('hook-failed', `service ${container.service} is ${state}, not running`, {
      next: `Start service ${container.service}, or take this hook out of the configuration.`,
    });
  if (context.phase === 'while-stopped' && context.quiesce !== undefined && context.quiesce !== 'none')
    throw new StackBackupError(
      'hook-failed',
      `the hook runs in service ${container.service} while that service is ${context.quiesce === 'stop' ? 'stopped' : 'paused'}`,
      { next: 'Give the hook `phase: before-stop` or `after-start`, or the service `quiesce: none`.' },
    );
  return container;
};

/** What became of a process in a container. */
export interface Ended {
  readonly exitCode: number;
  /** Last output, at most 64 KiB; `stdout` is empty where the request has its own sink. */
  readonly stdout: OutputTail;
  readonly stderr: OutputTail;
}

/** What running a process in a container takes. */
export interface ExecContext {
  readonly engine: Pick<Engine, 'exec'>;
  readonly signal: AbortSignal;
}

/** Runs a process in the hook's container and keeps what it wrote. Any exit code is an answer. */
export const execute = async (
  context: ExecContext,
  container: StackContainer,
  request: Omit<ExecRequest, 'stderr'> & { readonly keep?: number },
): Promise<Ended> => {
  const { keep, ...rest } = request;
  const stdout = new OutputTail(keep);
  const stderr = new OutputTail();
  try {
    const exitCode = await context.engine.exec(container.id, {
      signal: context.signal,
      stdout,
      ...rest,
      stderr,
    });
    return { exitCode, stdout, stderr };
  } catch (error) {
    const failure = asStackBackupError(error);
    if (failure.details.status !== 404 && failure.details.status !== 409) throw failure;
    throw new StackBackupError('hook-failed', `service ${container.service} does not run any more`, {
      cause: failure,
      next: `Look into the logs of service ${container.service}: it ended or was paused meanwhile.`,
    });
  }
};

/** Why a process that ended with 126 or 127 did not begin; else undefined. `where`: `in service x`. */
const notStarted = (exitCode: number, program: string, where: string): string | undefined => {
  if (exitCode === 127) return `${program} was not found ${where} (exit 127)`;
  if (exitCode === 126) return `${program} cannot be run ${where}: not there, or not executable (exit 126)`;
  return undefined;
};

/** The error of a process that failed: program, exit code, and the last lines it wrote. */
export const processFailure = (
  what: string,
  program: string,
  where: string,
  ended: Ended,
  options: { readonly secrets: readonly string[]; readonly next: string },
): StackBackupError => {
  const said = excerpt(ended.stderr, options.secrets) || excerpt(ended.stdout, options.secrets);
  const missing = notStarted(ended.exitCode, program, where);
  const reason = missing ?? `${program} ended with exit code ${ended.exitCode}`;
  return new StackBackupError('hook-failed', `${what}: ${reason}${said === '' ? '' : `: ${said}`}`, {
    next: missing === undefined ? options.next : `Name a program that exists ${where}, with its full path.`,
    details: { exitCode: ended.exitCode },
  });
};
