import { Option } from 'commander';
import type { Duration } from '../../base/duration.ts';
import { StackBackupError } from '../../base/errors.ts';
import { withoutSuspension } from '../../base/process/suspension.ts';
import type { World } from '../../commands/session/session.ts';
import { common, wait } from '../options.ts';
import type { RawFlags, Verb } from '../types.ts';

interface RestoreArguments extends RawFlags {
  readonly service: readonly string[];
  readonly volume: readonly string[];
  readonly path: readonly string[];
  readonly fromDump?: boolean;
  readonly dryRun?: boolean;
  readonly undo?: boolean;
  readonly yes?: boolean;
  readonly verify: boolean;
  readonly safety: boolean;
  readonly devices?: boolean;
  readonly stopOthers?: boolean;
  readonly into?: string;
  readonly composeFile: readonly string[];
  readonly values: readonly string[];
  readonly folder?: string;
  readonly allowHost?: boolean;
  readonly wait: Duration;
}

const collected = (one: string, before: readonly string[]): readonly string[] => [...before, one];

/** What chooses a part of a snapshot: neither an undo nor a new stack takes less than all of its own. */
const parts = ['service', 'volume', 'path', 'fromDump'];

/** Options that say something about a new stack, where none is to be made. */
const assertMeant = ({ into, composeFile, values, folder, allowHost }: RestoreArguments): void => {
  const isOfNew = composeFile.length + values.length > 0 || folder !== undefined || allowHost === true;
  if (into !== undefined || !isOfNew) return;
  throw new StackBackupError(
    'usage',
    '--compose-file, --values, --folder and --allow-host are of a new stack',
    {
      next: 'Say which with --into <project>, or leave them out: a restore takes those of the configuration.',
    },
  );
};

export const restoreVerb: Verb = (program, ended) =>
  common(program.command('restore'))
    .description('put the data of a snapshot back: keeps what is there, stops what uses it, starts what ran')
    .argument('<snapshot>', 'a name, a path, <instance> or <instance>@latest, @<moment>, @<tag>')
    .option('--service <name>', 'only what this service uses; may be given several times', collected, [])
    .option('--volume <name>', 'only this volume, or bind by its host path; several times', collected, [])
    .option('--path <path>', 'only this file or folder in it; several times', collected, [])
    .option('--from-dump', 'load the dumps of databases instead of putting files back')
    .option('--dry-run', 'show what would change (with --verbose file by file), change nothing')
    .addOption(
      new Option('--undo', 'put back what the last restore of the instance has overwritten').conflicts(parts),
    )
    .option('-y, --yes', 'do not ask')
    .option('--no-verify', 'do not read the snapshot before: what is damaged in it is put back damaged')
    .option('--no-safety', 'keep nothing of what is overwritten: there is no way back then')
    .option('--devices', 'make device nodes that the snapshot has, too')
    .option('--stop-others', 'stop containers of other projects, too, that use the same data')
    .addOption(
      new Option(
        '--into <project>',
        'make a second stack of it under this name, or the stack on an empty machine',
      ).conflicts([...parts, 'undo', 'safety', 'stopOthers']),
    )
    .option(
      '--compose-file <path>',
      'with --into: instead of the compose files in the snapshot',
      collected,
      [],
    )
    // Not `--env-file`: Node takes that for itself, wherever it stands.
    .option('--values <path>', 'with --into: env file with what the snapshot does not keep', collected, [])
    .option('--folder <path>', 'with --into: for its compose file and binds; made (default: ./<project>)')
    .option('--allow-host', 'with --into: give a snapshot from elsewhere what it asks of this machine')
    .addOption(wait())
    .action(async (reference: string, given: RestoreArguments) => {
      if (given.dryRun !== true) withoutSuspension();
      const work = async (world: World): Promise<number> => {
        assertMeant(given);
        if (given.into !== undefined) {
          const { restoreInto } = await import('../../commands/into.ts');
          return await restoreInto(world, reference, {
            project: given.into,
            composeFiles: given.composeFile,
            envFiles: given.values,
            folder: given.folder,
            devices: given.devices === true,
            allowHost: given.allowHost === true,
            dryRun: given.dryRun === true,
            yes: given.yes === true,
            verify: given.verify,
          });
        }
        const { restore } = await import('../../commands/restore.ts');
        return await restore(world, reference, {
          choice: {
            services: given.service,
            volumes: given.volume,
            paths: given.path,
            fromDump: given.fromDump === true,
            devices: given.devices === true,
            safety: given.safety,
            stopOthers: given.stopOthers === true,
          },
          dryRun: given.dryRun === true,
          undo: given.undo === true,
          yes: given.yes === true,
          verify: given.verify,
          wait: given.wait,
        });
      };
      await ended(given, work, given.dryRun === true ? 'shows' : 'tells');
    });
