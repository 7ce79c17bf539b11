import './base/memory.ts';
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { asStackBackupError, StackBackupError } from './base/errors.ts';
import { tellComplaint, tellError } from './cli/ending.ts';
import { allTaken, withoutWaiting } from './cli/output.ts';
import { createProgram } from './cli/program.ts';
import type { Ended } from './cli/types.ts';
import { worldOf } from './cli/world.ts';
import { codeOfError, errorToTell, exitCode } from './commands/session/exit.ts';

const packageFile = new URL('../package.json', import.meta.url);
const version = (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version;

/** Signals and defects both end the work in order: the services come back before the program goes. */
const interruption = () => {
  const controller = new AbortController();
  const insisting = new AbortController();
  let signal: NodeJS.Signals | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => {
      if (signal !== undefined) insisting.abort();
      signal ??= name;
      controller.abort(
        new StackBackupError('interrupted', `interrupted by ${name}`, {
          next: 'Nothing was kept of this run; what ran before runs again. Run it again when it suits.',
        }),
      );
    });
  const onDefect = (thrown: unknown): void => {
    const error = asStackBackupError(thrown);
    process.exitCode = exitCode.failed;
    controller.abort(error);
    if (process.env.STACK_BACKUP_DEBUG !== undefined) console.error(thrown);
  };
  process.on('uncaughtException', onDefect);
  process.on('unhandledRejection', onDefect);
  // A closed terminal must not end a run between stop and start: what cannot be shown is not shown.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => undefined);
    withoutWaiting(stream);
  }
  return { signal: controller.signal, interruptedBy: () => signal, insisted: insisting.signal };
};

const endings = { version, ...interruption() };

let outputs: 'shows' | 'tells' = 'shows';

const ended: Ended = async (flags, work, kind = 'shows') => {
  outputs = kind;
  const world = worldOf(flags, endings);
  try {
    const code = await work(world);
    process.exitCode = Math.max(code, Number(process.exitCode ?? 0));
  } catch (thrown) {
    const error = errorToTell(thrown, world.signal);
    process.exitCode = codeOfError(error.code, world.interruptedBy());
    tellError(program, world, error);
  }
};

const program = createProgram(version, ended);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? exitCode.done : exitCode.usage;
  tellComplaint(error, process.argv);
}
// A pipe holds 64 KiB: what its reader has not taken yet would be lost. Everything else is over: a signal need not be
// obeyed in order any more.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => process.exit(Number(process.exitCode) || codeOfError('interrupted', name)));
await allTaken([process.stdout, process.stderr], outputs);
process.exit();
