import { basename } from 'node:path';
import type { HookConfig } from '../config/types.ts';

/**
 * The program of a command, without its arguments: those may hold secrets that the configuration took from
 * the environment.
 */
const programOf = (command: readonly string[] | string): string =>
  typeof command === 'string' ? 'a line for sh' : basename(command[0] ?? '');

/** What a hook does, in words, without passwords and arguments. */
export const describeHook = (hook: HookConfig): string => {
  switch (hook.kind) {
    case 'postgres': {
      const databases = hook.databases === 'all' ? 'all databases' : hook.databases.join(', ');
      return `pg_dump in ${hook.service}: ${databases}${hook.globals ? ', globals' : ''}`;
    }
    case 'sqlite': {
      const steps = [
        `${hook.check} check`,
        ...(hook.checkpoint ? ['checkpoint'] : []),
        ...(hook.backup ? ['backup'] : []),
      ];
      return `SQLite ${hook.path} of ${hook.service}: ${steps.join(', ')}`;
    }
    case 'command': {
      const saved = hook.save === undefined ? '' : `, kept as ${hook.save}`;
      return `${programOf(hook.command)} ${hook.service === undefined ? 'on this host' : `in ${hook.service}`}${saved}`;
    }
  }
};
