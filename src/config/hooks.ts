import { resolve } from 'node:path';
import { type Duration, parseDuration } from '../base/duration.ts';
import type { RawCommandHook, RawHook, RawPostgresHook, RawSqliteHook } from './raw.ts';
import type { CommandHook, HookConfig, PostgresHook, SqliteHook } from './types.ts';

/** Milliseconds of a duration that the schema has accepted; `fallback` is one too. */
export const duration = (text: string | undefined, fallback: string): Duration =>
  parseDuration(text ?? fallback) ?? 0;

/**
 * The hooks of one instance with every default filled in, in the order of the file. `passwords` holds what
 * `password_file` gave, by hook number. `folder` is where relative paths of host commands start.
 */
export const resolveHooks = (
  hooks: readonly RawHook[],
  folder: string,
  passwords: ReadonlyMap<number, string>,
): readonly HookConfig[] => {
  const names = namesOf(hooks);
  return hooks.map((hook, index) => {
    const name = names[index] ?? hook.kind;
    if (hook.kind === 'postgres') return postgresHook(hook, name, passwords.get(index));
    return hook.kind === 'sqlite' ? sqliteHook(hook, name) : commandHook(hook, name, folder);
  });
};

/** The names as given, else `<kind>-<service>` with a number where that is taken. */
const namesOf = (hooks: readonly RawHook[]): readonly string[] => {
  const taken = new Set(hooks.flatMap(({ name }) => name ?? []));
  return hooks.map((hook) => {
    if (hook.name !== undefined) return hook.name;
    const stem = `${hook.kind}-${hook.service ?? 'host'}`;
    let name = stem;
    for (let number = 2; taken.has(name); number++) name = `${stem}-${number}`;
    taken.add(name);
    return name;
  });
};

const baseOf = (hook: RawHook, name: string, timeout: string) => ({
  name,
  phase: hook.phase ?? 'before-stop',
  timeout: duration(hook.timeout, timeout),
  onFailure: hook.on_failure ?? 'abort',
});

const postgresHook = (hook: RawPostgresHook, name: string, fromFile: string | undefined): PostgresHook => {
  const password = hook.password ?? fromFile;
  return {
    ...baseOf(hook, name, '1h'),
    kind: 'postgres',
    service: hook.service,
    databases: hook.databases ?? 'all',
    globals: hook.globals ?? true,
    ...(hook.user !== undefined && { user: hook.user }),
    ...(password !== undefined && { password }),
  };
};

const sqliteHook = (hook: RawSqliteHook, name: string): SqliteHook => ({
  ...baseOf(hook, name, '5m'),
  kind: 'sqlite',
  service: hook.service,
  path: hook.path,
  check: hook.check ?? 'quick',
  checkpoint: hook.checkpoint ?? true,
  backup: hook.backup ?? true,
});

const commandHook = (hook: RawCommandHook, name: string, folder: string): CommandHook => {
  const workingDir = hook.service === undefined ? resolve(folder, hook.working_dir ?? '.') : hook.working_dir;
  return {
    ...baseOf(hook, name, '5m'),
    kind: 'command',
    command: hook.command,
    ...(hook.service !== undefined && { service: hook.service }),
    ...(hook.user !== undefined && { user: hook.user }),
    ...(workingDir !== undefined && { workingDir }),
    ...(hook.save !== undefined && { save: hook.save }),
  };
};
