import { InvalidArgumentError } from 'commander';
import { common } from '../options.ts';
import type { RawFlags, Verb } from '../types.ts';

export const listVerb: Verb = (program, ended) =>
  common(program.command('list'))
    .description('the snapshots there are')
    .argument('[instance...]', 'only those of these instances')
    .action((names: string[], given: RawFlags) =>
      ended(given, async (world) => (await import('../../commands/list.ts')).list(world, names)),
    );

const count = (text: string): number => {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a number from 1 on.');
};

export const historyVerb: Verb = (program, ended) =>
  common(program.command('history'))
    .description(
      'every run there was, failed ones too: outcome, downtime, size; restores, drills, verifications',
    )
    .argument('[instance...]', 'only those of these instances')
    .option('--last <count>', 'so many at most, the newest', count, 30)
    .action((names: string[], given: RawFlags & { readonly last: number }) =>
      ended(given, async (world) => {
        const { history } = await import('../../commands/history.ts');
        return await history(world, names, { last: given.last });
      }),
    );

export const showVerb: Verb = (program, ended) =>
  common(program.command('show'))
    .description('what stands in the manifest of a snapshot')
    .argument('<snapshot>', 'a name, a path, <instance> for its newest, or <instance>@<moment or tag>')
    .action((reference: string, given: RawFlags) =>
      ended(given, async (world) => (await import('../../commands/show.ts')).show(world, reference)),
    );
