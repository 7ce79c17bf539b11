import { common } from '../options.ts';
import type { RawFlags, Verb } from '../types.ts';

const snapshot = 'a name, a path, <instance> for its newest, or <instance>@<moment or tag>';

export const lsVerb: Verb = (program, ended) =>
  common(program.command('ls'))
    .description('what is in a snapshot, of trees and archives alike')
    .argument('<snapshot>', snapshot)
    .argument('[path]', 'volumes/<volume>/…, <volume>/…, the host path of a bind, dumps/…')
    .option('-R, --recursive', 'all that lies below it, too')
    .action((reference: string, path: string | undefined, given: RawFlags & { recursive?: boolean }) =>
      ended(given, async (world) =>
        (await import('../../commands/ls.ts')).ls(world, reference, path, given.recursive === true),
      ),
    );

export const catVerb: Verb = (program, ended) =>
  common(program.command('cat'))
    .description('the bytes of one file of a snapshot, to standard output')
    .argument('<snapshot>', snapshot)
    .argument('<path>', 'as `ls` takes it')
    .action((reference: string, path: string, given: RawFlags) =>
      ended(given, async (world) => (await import('../../commands/cat.ts')).cat(world, reference, path)),
    );

export const diffVerb: Verb = (program, ended) =>
  common(program.command('diff'))
    .description('what is not the same in two snapshots; exit code 7 when anything is not')
    .argument('<before>', snapshot)
    .argument('<after>', 'the same')
    .option('--summary', 'the counts alone')
    .action((before: string, after: string, given: RawFlags & { summary?: boolean }) =>
      ended(given, async (world) =>
        (await import('../../commands/diff.ts')).diff(world, before, after, {
          summary: given.summary === true,
        }),
      ),
    );
