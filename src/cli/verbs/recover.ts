import { Option } from 'commander';
import type { Duration } from '../../base/duration.ts';
import { withoutSuspension } from '../../base/process/suspension.ts';
import type { World } from '../../commands/session/session.ts';
import { common, durationOf, wait } from '../options.ts';
import type { RawFlags, Verb } from '../types.ts';

interface RecoverArguments extends RawFlags {
  readonly dryRun?: boolean;
  readonly waitForEngine: Duration;
  readonly wait: Duration;
  readonly asIs?: string;
}

export const recoverVerb: Verb = (program, ended) =>
  common(program.command('recover'))
    .description(
      'bring back what a run that died (kill -9, power loss) left down; every command does it first',
    )
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
    .option(
      '--as-is <run>',
      'start what ran on the data that this restore has left half-way, as it stands: put it right first',
    )
    .action((given: RecoverArguments) => {
      withoutSuspension();
      const work = async (world: World): Promise<number> => {
        const { recover } = await import('../../commands/recover.ts');
        return await recover(world, { ...given, dryRun: given.dryRun === true });
      };
      return ended(given, work, 'tells');
    });
