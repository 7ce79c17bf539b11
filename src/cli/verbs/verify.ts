import { InvalidArgumentError, Option } from 'commander';
import { common } from '../options.ts';
import type { RawFlags, Verb } from '../types.ts';

interface VerifyArguments extends RawFlags {
  readonly all?: boolean;
  readonly latest?: boolean;
  readonly sample?: number;
}

const percentOf = (text: string): number => {
  const percent = Number(/^(\d{1,3}(?:\.\d{1,3})?)%?$/.exec(text)?.[1] ?? Number.NaN);
  if (!(percent > 0 && percent <= 100)) throw new InvalidArgumentError('A share is written 10% or 2.5%.');
  return percent;
};

export const verifyVerb: Verb = (program, ended) =>
  common(program.command('verify'))
    .description('prove a snapshot: read everything again, compare it, open databases and dumps')
    .argument('[snapshot...]', 'a name, a path, <instance> for its newest, or <instance>@<moment or tag>')
    .option('--latest', 'the newest snapshot of each instance (of those named, or of all)')
    .option('--all', 'every snapshot of each instance (of those named, or of all)')
    .addOption(
      new Option(
        '--sample <share>',
        'read at least this share of the content; repeated runs come round to all of it',
      )
        .argParser(percentOf)
        .default(undefined, 'all'),
    )
    .action((references: string[], given: VerifyArguments) =>
      ended(given, async (world) =>
        (await import('../../commands/verify.ts')).verify(world, references, {
          all: given.all === true,
          latest: given.latest === true,
          sample: given.sample,
        }),
      ),
    );
