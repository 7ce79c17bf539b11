import { systemClock } from '../base/clock.ts';
import type { World } from '../commands/session/session.ts';
import type { RawFlags } from './types.ts';

/** The world of a command: this process, and the flags that were given. */
export const worldOf = (
  { json, quiet, verbose, color, config, backups }: RawFlags,
  endings: Pick<World, 'version' | 'signal' | 'interruptedBy' | 'insisted'>,
): World => ({
  flags: {
    json: json === true,
    quiet: quiet === true,
    verbose: verbose === true,
    color: color !== false && (process.env.NO_COLOR ?? '') === '',
    ...(config === undefined ? {} : { config }),
    ...(backups === undefined ? {} : { backups }),
  },
  cwd: process.cwd(),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  ...endings,
});
