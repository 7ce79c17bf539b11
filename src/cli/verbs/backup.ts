import { InvalidArgumentError, Option } from 'commander';
import type { Duration } from '../../base/duration.ts';
import { withoutSuspension } from '../../base/process/suspension.ts';
import type { World } from '../../commands/session/session.ts';
import type { QuiesceMode } from '../../config/types.ts';
import type { SnapshotType } from '../../snapshot/types.ts';
import { common, everyInstance, quiesce, wait } from '../options.ts';
import type { RawFlags, Verb } from '../types.ts';

const types: readonly SnapshotType[] = ['manual', 'scheduled', 'pre-deploy', 'pre-migration', 'pre-restore'];

const tag = (text: string, before: Record<string, string>): Record<string, string> => {
  const match = /^([A-Za-z0-9_.-]{1,64})=(.{0,256})$/.exec(text);
  if (match === null) throw new InvalidArgumentError('A tag is NAME=VALUE, such as sha=1f3a9c.');
  return { ...before, [match[1] as string]: match[2] as string };
};

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

export const backupVerb: Verb = (program, ended) =>
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
      if (given.dryRun === true)
        return await ended(given, async (world) => {
          const { plan } = await import('../../commands/plan.ts');
          return await plan(world, names, { all, overrides, isDryRun: true });
        });
      withoutSuspension();
      const options = { type: given.type, tags: given.tag, note: given.note };
      const work = async (world: World): Promise<number> => {
        const { backup } = await import('../../commands/backup.ts');
        return await backup(world, names, { all, options, overrides, wait: given.wait });
      };
      await ended(given, work, 'tells');
    });

export const planVerb: Verb = (program, ended) =>
  common(program.command('plan'))
    .description('what a backup would do: waves, copies, what is left out and why; it does none of it')
    .argument('[instance...]', 'names from the configuration, or running Compose projects')
    .option('--all', everyInstance)
    .addOption(quiesce())
    .action((names: string[], given: RawFlags & Pick<BackupArguments, 'all' | 'quiesce'>) =>
      ended(given, async (world) => {
        const { plan } = await import('../../commands/plan.ts');
        return await plan(world, names, {
          all: given.all === true,
          isDryRun: false,
          overrides: given.quiesce === undefined ? {} : { quiesce: given.quiesce },
        });
      }),
    );
