import { common } from '../options.ts';
import type { RawFlags, Verb } from '../types.ts';

interface Given extends RawFlags {
  readonly all?: boolean;
  readonly due?: boolean;
  readonly dumps?: boolean;
  readonly keep?: boolean;
  readonly remove?: boolean;
}

export const drillVerb: Verb = (program, ended) =>
  common(program.command('drill'))
    .description('put a snapshot back into a closed sandbox, check it there, and remove it again')
    .argument('[snapshot...]', 'a name, a path, <instance> for its newest, or <instance>@<moment or tag>')
    .option('--all', 'the newest snapshot of every instance of the configuration')
    .option('--due', 'with --all: only where the last good drill is older than `drills.every`')
    .option('--dumps', 'load databases from their dumps alone, into empty services')
    .option('--keep', 'leave the sandbox as it is in the end, and say how to enter it')
    .option('--remove', 'remove sandboxes that were kept: all, or those named')
    .action((references: string[], given: Given) =>
      ended(given, async (world) => {
        const { drill } = await import('../../commands/drill.ts');
        const { all, due, dumps, keep, remove } = given;
        return await drill(world, references, {
          all: all === true,
          due: due === true,
          dumps: dumps === true,
          keep: keep === true,
          remove: remove === true,
        });
      }),
    );
