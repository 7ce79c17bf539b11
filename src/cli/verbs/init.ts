import { common } from '../options.ts';
import type { RawFlags, Verb } from '../types.ts';

export const initVerb: Verb = (program, ended) =>
  common(program.command('init'))
    .description('write a commented backup.config.yaml from a running project')
    .argument('<project>', 'a running Compose project')
    .option('--print', 'show it instead of writing it')
    .action((project: string, given: RawFlags & { print?: boolean }) =>
      ended(given, async (world) => {
        const { init } = await import('../../commands/init.ts');
        return await init(world, project, given.print === true);
      }),
    );
