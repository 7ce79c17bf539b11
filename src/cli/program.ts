import { Command } from 'commander';
import type { Ended, Verb } from './types.ts';
import { backupVerb, planVerb } from './verbs/backup.ts';
import { doctorVerb } from './verbs/doctor.ts';
import { drillVerb } from './verbs/drill.ts';
import { initVerb } from './verbs/init.ts';
import { catVerb, diffVerb, lsVerb } from './verbs/inside.ts';
import { historyVerb, listVerb, showVerb } from './verbs/look.ts';
import { recoverVerb } from './verbs/recover.ts';
import { restoreVerb } from './verbs/restore.ts';
import { verifyVerb } from './verbs/verify.ts';

/** Every command, in the order of `--help`. A new one is a file in verbs/ and a line here. */
const verbs: readonly Verb[] = [
  backupVerb,
  planVerb,
  listVerb,
  historyVerb,
  showVerb,
  lsVerb,
  catVerb,
  diffVerb,
  verifyVerb,
  drillVerb,
  restoreVerb,
  initVerb,
  recoverVerb,
  doctorVerb,
];

/** The command line: what can be given, and what is told of it. It throws `CommanderError` instead of exiting. */
export const createProgram = (version: string, ended: Ended): Command => {
  const program = new Command('stack-backup')
    .description('Snapshots of Docker Compose stacks: stop in order, copy, prove, put back what ran.')
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(see what can be given with `stack-backup --help`)')
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'stack-backup: ')),
    })
    .enablePositionalOptions()
    .addHelpText(
      'after',
      `
\`stack-backup core\` is short for \`stack-backup backup core\`; its flags stand
in \`stack-backup backup --help\`.

Every command first finishes what a run that was killed left down: its services
run again. \`--dry-run\` changes nothing, and says so.

Exit codes: 0 done, 1 failed (stack as before), 2 usage or configuration,
3 done with warnings, 4 a service could not be brought back, 5 locked by another
run, 6 verification failed, 7 the snapshots differ (diff), 129/130/143 interrupted
(stack as before).`,
    );
  for (const verb of verbs) verb(program, ended);
  return program;
};
