import './base/memory.ts';
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type Duration, parseDuration } from './base/duration.ts';
import { asStackBackupError, type ErrorCode, StackBackupError } from './base/errors.ts';
import { nearest } from './base/text/nearest.ts';
import { printable } from './base/text/printable.ts';
import { backup } from './commands/backup.ts';
import { doctor } from './commands/doctor.ts';
import { init } from './commands/init.ts';
import { list } from './commands/list.ts';
import { plan } from './commands/plan.ts';
import { recover } from './commands/recover.ts';
import { codeOfError, errorToTell, exitCode } from './commands/session/exit.ts';
import { type CommonFlags, systemClock, type World } from './commands/session/session.ts';
import { show } from './commands/show.ts';
import { verify } from './commands/verify.ts';
import type { QuiesceMode } from './config/types.ts';
import type { SnapshotType } from './snapshot/types.ts';

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
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  return { signal: controller.signal, interruptedBy: () => signal, insisted: insisting.signal };
};

const { signal, interruptedBy, insisted } = interruption();

interface RawFlags {
  readonly config?: string;
  readonly backups?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color?: boolean;
}

const worldOf = (flags: RawFlags): World => ({
  flags: {
    json: flags.json === true,
    quiet: flags.quiet === true,
    verbose: flags.verbose === true,
    color: flags.color !== false && (process.env.NO_COLOR ?? '') === '',
    ...(flags.config === undefined ? {} : { config: flags.config }),
    ...(flags.backups === undefined ? {} : { backups: flags.backups }),
  } satisfies CommonFlags,
  cwd: process.cwd(),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  version,
  signal,
  interruptedBy,
  insisted,
});

const tag = (text: string, before: Record<string, string>): Record<string, string> => {
  const match = /^([A-Za-z0-9_.-]{1,64})=(.{0,256})$/.exec(text);
  if (match === null) throw new InvalidArgumentError('A tag is NAME=VALUE, such as sha=1f3a9c.');
  return { ...before, [match[1] as string]: match[2] as string };
};

const durationOf = (text: string): Duration => {
  const length = parseDuration(text);
  if (length === undefined)
    throw new InvalidArgumentError('A length of time is written 90s, 10m, 1h30m or 2d.');
  return length;
};

const wait = (): Option =>
  new Option('--wait <duration>', 'wait so long for another run on the same project to end')
    .argParser(durationOf)
    .default(0, 'not at all');

/**
 * Ctrl-Z would leave services down for as long as nobody thinks of `fg`: nobody is told, and the guardian sees
 * a process that is alive. What may hold services down is not suspended.
 */
const withoutSuspension = (): void => void process.on('SIGTSTP', () => undefined);

const everyInstance = 'every instance of the configuration; without one every running project';
const types: readonly SnapshotType[] = ['manual', 'scheduled', 'pre-deploy', 'pre-migration', 'pre-restore'];
const modes: readonly QuiesceMode[] = ['stop', 'pause', 'none'];
const quiesce = (): Option =>
  new Option('--quiesce <mode>', 'instead of what the configuration says for the instance').choices(modes);

interface BackupArguments extends RawFlags {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly type: SnapshotType;
  readonly tag: Record<string, string>;
  readonly note: string;
  readonly logs?: boolean;
  readonly quiesce?: QuiesceMode;
  readonly wait: Duration;
}

/** Adds the flags that every command knows. */
const common = (command: Command): Command =>
  command
    .option('--config <file>', 'configuration (default: ./backup.config.yaml, if there is one)')
    .option('--backups <folder>', 'folder of the snapshots, instead of what the configuration says')
    .option('--json', 'machine-readable output on stdout')
    .option('-q, --quiet', 'say nothing when all is well (for cron)')
    .option('-v, --verbose', 'say more')
    .option('--no-color', 'no colours (NO_COLOR works too)');

/** An error that no run tells of, as a line of `--json`: one of the events, without an instance. */
const writeJsonError = (error: {
  readonly code: ErrorCode;
  readonly message: string;
  readonly next: string | undefined;
}): void => {
  const at = systemClock.now().toISOString();
  process.stdout.write(`${JSON.stringify({ type: 'error', ...error, at })}\n`);
};

/** A misspelt command reads like the name of an instance. */
const commandHint = ({ code, details }: StackBackupError): string | undefined => {
  const [word] = code === 'instance-unknown' && Array.isArray(details.unknown) ? details.unknown : [];
  const like =
    typeof word === 'string' &&
    nearest(
      word,
      program.commands.map((command) => command.name()),
    );
  return like ? `Did you mean the command \`stack-backup ${like}\`?` : undefined;
};

/** Runs a command and keeps its exit code for the end of the program. */
const ended = async (flags: RawFlags, work: (world: World) => Promise<number>): Promise<void> => {
  const world = worldOf(flags);
  try {
    const code = await work(world);
    process.exitCode = Math.max(code, Number(process.exitCode ?? 0));
  } catch (thrown) {
    const error = errorToTell(thrown, signal);
    process.exitCode = codeOfError(error.code, interruptedBy());
    const next = [commandHint(error), error.next].filter((part) => part !== undefined).join(' ') || undefined;
    if (world.flags.json) writeJsonError({ code: error.code, message: error.message, next });
    process.stderr.write(`stack-backup: ${printableText(error.message)}\n`);
    if (next !== undefined) process.stderr.write(`  ${printableText(next)}\n`);
    if (world.flags.verbose && error.cause instanceof Error)
      process.stderr.write(`${error.cause.stack ?? ''}\n`);
  }
};

/** Text that may quote a container or a file, without what could draw on the terminal; lines stay lines. */
const printableText = (text: string): string => text.split('\n').map(printable).join('\n');

const program = new Command('stack-backup')
  .description('Snapshots of Docker Compose stacks: stop in order, copy, prove, put back what ran.')
  .version(version)
  .exitOverride()
  .showSuggestionAfterError()
  .showHelpAfterError('(see what can be given with `stack-backup --help`)')
  .configureOutput({
    outputError: (text, write) => write(text.replace(/^error: /, 'stack-backup: ')),
  })
  .enablePositionalOptions()
  .addHelpText(
    'after',
    `
\`stack-backup core\` is short for \`stack-backup backup core\`; its flags stand
in \`stack-backup backup --help\`.

Exit codes: 0 done, 1 failed (stack as before), 2 usage or configuration,
3 done with warnings, 4 a service could not be brought back, 5 locked by another
run, 6 verification failed, 129/130/143 interrupted (stack as before).`,
  );

common(program.command('backup', { isDefault: true }))
  .description('take a snapshot of each instance (any running Compose project needs no configuration)')
  .argument('[instance...]', 'names from the configuration, or running Compose projects')
  .option('--all', everyInstance)
  .option('--dry-run', 'show the plan and check it, change nothing')
  .addOption(new Option('--type <type>', 'kind of snapshot').choices(types).default('manual'))
  .addOption(
    new Option('--tag <name=value>', 'label, kept in the manifest; may be given several times')
      .argParser(tag)
      .default({}, 'none'),
  )
  .addOption(new Option('--note <text>', 'a remark, kept in the manifest').default('', 'none'))
  .option('--logs', 'keep the logs of the services too')
  .addOption(quiesce())
  .addOption(wait())
  .action(async (names: string[], given: BackupArguments) => {
    const all = given.all === true;
    const overrides = {
      ...(given.logs === undefined ? {} : { logs: given.logs }),
      ...(given.quiesce === undefined ? {} : { quiesce: given.quiesce }),
    };
    const options = { type: given.type, tags: given.tag, note: given.note };
    if (given.dryRun !== true) withoutSuspension();
    await ended(given, (world) =>
      given.dryRun === true
        ? plan(world, names, { all, overrides })
        : backup(world, names, { all, options, overrides, wait: given.wait }),
    );
  });

common(program.command('plan'))
  .description('what a backup would do: waves, copies, what is left out and why; changes nothing')
  .argument('[instance...]', 'names from the configuration, or running Compose projects')
  .option('--all', everyInstance)
  .addOption(quiesce())
  .action((names: string[], given: RawFlags & Pick<BackupArguments, 'all' | 'quiesce'>) =>
    ended(given, (world) =>
      plan(world, names, {
        all: given.all === true,
        overrides: given.quiesce === undefined ? {} : { quiesce: given.quiesce },
      }),
    ),
  );

common(program.command('list'))
  .description('the snapshots there are')
  .argument('[instance...]', 'only those of these instances')
  .action((names: string[], given: RawFlags) => ended(given, (world) => list(world, names)));

common(program.command('show'))
  .description('what stands in the manifest of a snapshot')
  .argument('<snapshot>', 'a name, a path, or <instance> for its newest')
  .action((reference: string, given: RawFlags) => ended(given, (world) => show(world, reference)));

common(program.command('verify'))
  .description('read a snapshot again: checksums, manifest, missing and extra files')
  .argument('<snapshot...>', 'a name, a path, or <instance> for its newest')
  .action((references: string[], given: RawFlags) => ended(given, (world) => verify(world, references)));

common(program.command('init'))
  .description('write a commented backup.config.yaml from a running project')
  .argument('<project>', 'a running Compose project')
  .option('--print', 'show it instead of writing it')
  .action((project: string, given: RawFlags & { print?: boolean }) =>
    ended(given, (world) => init(world, project, given.print === true)),
  );

common(program.command('recover'))
  .description('bring back what a run that died (kill -9, power loss) left down; every backup does it first')
  .option('--dry-run', 'show what would be looked after, change nothing')
  .addOption(
    new Option(
      '--wait-for-engine [duration]',
      'wait so long until the engine answers, if there is something to recover (for boot)',
    )
      .argParser(durationOf)
      .preset('10m')
      .default(0, 'not at all'),
  )
  .addOption(wait())
  .action((given: RawFlags & { dryRun?: boolean; waitForEngine: Duration; wait: Duration }) => {
    withoutSuspension();
    return ended(given, (world) => recover(world, { ...given, dryRun: given.dryRun === true }));
  });

common(program.command('doctor'))
  .description('what this machine has of what is needed, and how to get the rest')
  .action((given: RawFlags) => ended(given, doctor));

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? exitCode.done : exitCode.usage;
  // Commander has told it on standard error already; its flags were not read, so they are looked for here.
  if (error.exitCode !== 0 && process.argv.includes('--json')) {
    const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
    const next = rest.join(' ') || 'See what can be given with `stack-backup --help`.';
    writeJsonError({ code: 'usage', message, next });
  }
}
process.exit();
