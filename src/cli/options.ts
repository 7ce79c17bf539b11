import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Duration, parseDuration } from '../base/duration.ts';
import type { QuiesceMode } from '../config/types.ts';

/** Adds the flags that every command knows. */
export const common = (command: Command): Command =>
  command
    .option('--config <file>', 'configuration (default: ./backup.config.yaml, if there is one)')
    .option('--backups <folder>', 'folder of the snapshots, instead of what the configuration says')
    .option('--json', 'machine-readable output on stdout')
    .option('-q, --quiet', 'say nothing when all is well (for cron)')
    .option('-v, --verbose', 'say more')
    .option('--no-color', 'no colours (NO_COLOR works too)');

/** Reads a length of time, into ms. */
export const durationOf = (text: string): Duration => {
  const length = parseDuration(text);
  if (length === undefined)
    throw new InvalidArgumentError('A length of time is written 90s, 10m, 1h30m or 2d.');
  return length;
};

/** For commands that take the lock of a project. */
export const wait = (): Option =>
  new Option('--wait <duration>', 'wait so long for another run on the same project to end')
    .argParser(durationOf)
    .default(0, 'not at all');

const modes: readonly QuiesceMode[] = ['stop', 'pause', 'none'];
export const quiesce = (): Option =>
  new Option('--quiesce <mode>', 'instead of what the configuration says for the instance').choices(modes);

/** What `--all` means. */
export const everyInstance = 'every instance of the configuration; without one every running project';
