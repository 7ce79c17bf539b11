import { basename } from 'node:path';
import type { Check } from '../config/checks/types.ts';
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

/** What a check asks, in words, without arguments. */
export const describeCheck = (check: Check): string => {
  switch (check.kind) {
    case 'postgres':
      return `SQL in ${check.service}${check.database === undefined ? '' : `: ${check.database}`}`;
    case 'sqlite':
      return `SQL in the copy of ${check.path} of ${check.service}`;
    case 'command':
      return `${programOf(check.command)} in ${check.service}`;
  }
};
