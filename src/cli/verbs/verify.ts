import { common } from '../options.ts';
import type { RawFlags, Verb } from '../types.ts';

export const verifyVerb: Verb = (program, ended) =>
  common(program.command('verify'))
    .description('read a snapshot again: checksums, manifest, missing and extra files')
    .argument('<snapshot...>', 'a name, a path, <instance> for its newest, or <instance>@<moment or tag>')
    .action((references: string[], given: RawFlags) =>
      ended(given, async (world) => (await import('../../commands/verify.ts')).verify(world, references)),
    );
