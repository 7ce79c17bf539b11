import { common } from '../options.ts';
import type { RawFlags, Verb } from '../types.ts';

export const doctorVerb: Verb = (program, ended) =>
  common(program.command('doctor'))
    .description('what this machine has of what is needed, and how to get the rest')
    .action((given: RawFlags) =>
      ended(given, async (world) => (await import('../../commands/doctor.ts')).doctor(world)),
    );
