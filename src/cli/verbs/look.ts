import { common } from '../options.ts';
import type { RawFlags, Verb } from '../types.ts';

export const listVerb: Verb = (program, ended) =>
  common(program.command('list'))
    .description('the snapshots there are')
    .argument('[instance...]', 'only those of these instances')
    .action((names: string[], given: RawFlags) =>
      ended(given, async (world) => (await import('../../commands/list.ts')).list(world, names)),
    );

export const showVerb: Verb = (program, ended) =>
  common(program.command('show'))
    .description('what stands in the manifest of a snapshot')
    .argument('<snapshot>', 'a name, a path, <instance> for its newest, or <instance>@<moment or tag>')
    .action((reference: string, given: RawFlags) =>
      ended(given, async (world) => (await import('../../commands/show.ts')).show(world, reference)),
    );
