import type { Command, CommanderError } from 'commander';
import { systemClock } from '../base/clock.ts';
import type { ErrorCode, StackBackupError } from '../base/errors.ts';
import { nearest } from '../base/text/nearest.ts';
import { printable } from '../base/text/printable.ts';
import type { World } from '../commands/session/session.ts';

/** Text that may quote a container or a file, without what could draw on the terminal; lines stay lines. */
const printableText = (text: string): string => text.split('\n').map(printable).join('\n');

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
const commandHint = (program: Command, { code, details }: StackBackupError): string | undefined => {
  const [word] = code === 'instance-unknown' && Array.isArray(details.unknown) ? details.unknown : [];
  const like =
    typeof word === 'string' &&
    nearest(
      word,
      program.commands.map((command) => command.name()),
    );
  return like ? `Did you mean the command \`stack-backup ${like}\`?` : undefined;
};

/** Tells of an error that ended a command. */
export const tellError = (program: Command, { flags, stderr }: World, error: StackBackupError): void => {
  const hints = [commandHint(program, error), error.next].filter((part) => part !== undefined);
  const next = hints.join(' ') || undefined;
  if (flags.json) writeJsonError({ code: error.code, message: error.message, next });
  stderr.write(`stack-backup: ${printableText(error.message)}\n`);
  if (next !== undefined) stderr.write(`  ${printableText(next)}\n`);
  if (flags.verbose && error.cause instanceof Error) stderr.write(`${error.cause.stack ?? ''}\n`);
};

/**
 * Commander has told its complaint on standard error already; whoever reads JSON gets it, too. Its flags were
 * not read, so they are looked for in `argv`.
 */
export const tellComplaint = (complaint: CommanderError, argv: readonly string[]): void => {
  if (complaint.exitCode === 0 || !argv.includes('--json')) return;
  const [message = '', ...rest] = complaint.message.replace(/^error: /, '').split('\n');
  const next = rest.join(' ') || 'See what can be given with `stack-backup --help`.';
  writeJsonError({ code: 'usage', message, next });
};
