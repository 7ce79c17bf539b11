import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { StackBackupError } from '../base/errors.ts';
import { signalMarked } from '../base/process/marked.ts';
import { spawnStreaming } from '../base/process.ts';
import type { CommandHook } from '../config/types.ts';
import type { StackContainer } from '../stack/types.ts';
import { type Ended, execute, processFailure, requireRunning } from './container.ts';
import { fileNameOf, PartialDump } from './dump.ts';
import { OutputTail, printable, secretsIn } from './output.ts';
import type { HookContext, HookKind } from './types.ts';

/** What every command learns from its environment. */
const environmentOf = (context: HookContext): Readonly<Record<string, string>> => ({
  STACK_BACKUP_INSTANCE: context.instance,
  STACK_BACKUP_PHASE: context.phase,
  ...(context.run === undefined ? {} : { STACK_BACKUP_RUN: context.run }),
  ...(context.outcome === undefined ? {} : { STACK_BACKUP_OUTCOME: context.outcome }),
  ...(context.snapshot === undefined ? {} : { STACK_BACKUP_SNAPSHOT: context.snapshot }),
});

const misconfigured = (message: string, next: string): StackBackupError =>
  new StackBackupError('config-invalid', message, { next });

/** The argument list; a string is the container's shell's affair, and the host's shell is never used. */
const argumentsOf = (hook: CommandHook): readonly string[] => {
  if (typeof hook.command !== 'string') {
    if (hook.command.length > 0 && hook.command[0] !== '') return hook.command;
    throw misconfigured(
      'the command is empty',
      'Give `command:` as a list: the program, then its arguments.',
    );
  }
  if (hook.service !== undefined) return ['sh', '-c', hook.command];
  throw misconfigured(
    'a command on the host must be a list of arguments',
    'Write `command: [program, argument, …]`; no shell is used on the host.',
  );
};

const programOf = (hook: CommandHook): string => printable(argumentsOf(hook)[0] ?? '', 200);
const placeOf = (hook: CommandHook): string =>
  hook.service === undefined ? 'on the host' : `in service ${hook.service}`;

const missing = (hook: CommandHook): StackBackupError =>
  new StackBackupError('hook-failed', `${programOf(hook)} was not found ${placeOf(hook)}`, {
    next: `Name a program that exists ${placeOf(hook)}, with its full path.`,
  });

/** Asks the container's shell for the program. A container without a shell cannot be asked: no objection. */
const checkInContainer = async (hook: CommandHook, context: HookContext): Promise<void> => {
  const container = requireRunning(hook, context);
  const program = argumentsOf(hook)[0] ?? '';
  if (typeof hook.command === 'string' || program.startsWith('-')) return;
  const ended = await execute(context, container, {
    command: ['sh', '-c', 'command -v "$1" >/dev/null 2>&1 || echo missing', 'sh', program],
    ...whereInContainer(hook),
  });
  if (ended.exitCode === 0 && ended.stdout.bytes().toString('utf8').trim() === 'missing') throw missing(hook);
};

const isProgram = async (path: string): Promise<boolean> => {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) return false;
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
};

const checkOnHost = async (hook: CommandHook): Promise<void> => {
  const program = argumentsOf(hook)[0] ?? '';
  if (hook.user !== undefined)
    throw misconfigured(
      '`user` is for commands in a service',
      'Remove `user:`, or run the command with a program that changes the user.',
    );
  const folder = hook.workingDir ?? process.cwd();
  if ((await stat(folder).catch(() => undefined))?.isDirectory() !== true)
    throw misconfigured(
      `there is no folder ${printable(folder, 200)}`,
      'Check the working folder of the hook.',
    );
  const candidates = program.includes('/')
    ? [resolve(folder, program)]
    : (process.env.PATH ?? '').split(delimiter).map((part) => join(part || '.', program));
  for (const candidate of candidates) if (await isProgram(candidate)) return;
  throw missing(hook);
};

const check = async (hook: CommandHook, context: HookContext): Promise<void> =>
  hook.service === undefined ? checkOnHost(hook) : checkInContainer(hook, context);

const whereInContainer = (hook: CommandHook) => ({
  ...(hook.user === undefined ? {} : { user: hook.user }),
  ...(hook.workingDir === undefined ? {} : { workingDir: hook.workingDir }),
});

const inContainer = async (
  hook: CommandHook,
  context: HookContext,
  container: StackContainer,
  signal: AbortSignal,
  sink: Writable | undefined,
): Promise<Ended> =>
  execute(context, container, {
    command: argumentsOf(hook),
    env: Object.entries(environmentOf(context)).map(([key, value]) => `${key}=${value}`),
    signal,
    ...whereInContainer(hook),
    ...(sink === undefined ? {} : { stdout: sink }),
  });

/** In the environment of everything that a hook on the host starts. */
const markerName = 'STACK_BACKUP_EXEC';

const stillOpen = (hook: CommandHook): StackBackupError =>
  new StackBackupError(
    'hook-failed',
    `${programOf(hook)} ended, but a process that it left behind holds its output open: it may not be complete`,
    {
      next: 'Let the command wait for everything that it starts, or send the output of the others elsewhere.',
    },
  );

/** Not a pipeline: output that is cut off must not break the sink, whose state tells of the disk. */
const pour = async (from: Readable, to: Writable): Promise<void> => {
  for await (const chunk of from) if (!to.write(chunk)) await once(to, 'drain');
};

const onHost = async (
  hook: CommandHook,
  context: HookContext,
  signal: AbortSignal,
  sink: Writable | undefined,
): Promise<Ended> => {
  const stdout = new OutputTail();
  const mark = randomUUID();
  const marker = `${markerName}=${mark}`;
  const child = spawnStreaming(argumentsOf(hook), {
    signal,
    env: { ...environmentOf(context), [markerName]: mark },
    marker,
    ...(hook.workingDir === undefined ? {} : { cwd: hook.workingDir }),
  });
  // A sink that fails has told its dump already, which ends the process through the signal.
  const reading = pour(child.stdout, sink ?? stdout).catch(() => undefined);
  const result = await child.done.finally(async () => {
    // It may have ended at once, and what has left its process group not; what a hook that ended well leaves
    // behind is its own affair.
    if (signal.aborted) await signalMarked(marker, 'SIGKILL');
  });
  await reading;
  if (sink !== undefined && result.cut) throw stillOpen(hook);
  const stderr = new OutputTail();
  stderr.end(result.stderr);
  return { exitCode: result.exitCode, stdout, stderr };
};

const run = async (hook: CommandHook, context: HookContext) => {
  const container = hook.service === undefined ? undefined : requireRunning(hook, context);
  const secrets = secretsIn(
    container?.details.env ?? Object.entries(process.env).map(([key, value]) => `${key}=${value}`),
  );
  const begin = (signal: AbortSignal, sink?: Writable): Promise<Ended> =>
    container === undefined
      ? onHost(hook, context, signal, sink)
      : inContainer(hook, context, container, signal, sink);
  const succeed = (ended: Ended): void => {
    if (ended.exitCode === 0) return;
    const next =
      'Run the command by hand to see why it fails; then repair it or the configuration of the hook.';
    throw processFailure('the command failed', programOf(hook), placeOf(hook), ended, { secrets, next });
  };

  if (hook.save === undefined) {
    const ended = await begin(context.signal);
    succeed(ended);
    const { lines } = ended.stdout;
    return {
      summary: `exit 0, ${lines} ${lines === 1 ? 'line' : 'lines'} of output`,
      dumps: [],
      warnings: [],
    };
  }
  const owner = hook.service ?? 'host';
  await using dump = await PartialDump.open(context.folder, fileNameOf(owner), fileNameOf(hook.save));
  succeed(await dump.write((sink, broken) => begin(AbortSignal.any([context.signal, broken]), sink)));
  const kept = await dump.keep();
  return {
    summary: `exit 0, ${kept.bytes} bytes saved`,
    dumps: [{ hook: hook.name, kind: 'command', service: owner, ...kept, format: 'output' }],
    warnings: [],
  };
};

/** Any command, in a service or on the host; its output can be kept as a dump. */
export const command: HookKind<CommandHook> = { kind: 'command', check, run };
