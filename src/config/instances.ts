import { resolve } from 'node:path';
import { pointerOf } from './check/problem.ts';
import type { Environment } from './file/interpolate.ts';
import type { LoadedConfig } from './load.ts';
import { commonBackups, instanceFromRunning, processTimezone, resolveInstances } from './resolve.ts';
import { type ConfiguredStack, selectStacks } from './select.ts';
import type { Instance } from './types.ts';

export interface InstancesOptions {
  readonly config: LoadedConfig | undefined;
  /** Names of the Compose projects that have containers. */
  readonly running: readonly string[];
  readonly requested: readonly string[];
  readonly all: boolean;
  /** What `--backups` says. */
  readonly backups?: string;
  /** Absolute path of the current folder. */
  readonly cwd: string;
  readonly env: Environment;
}

/** The instances of a configuration as `selectStacks` wants them. */
export const configuredStacks = (config: LoadedConfig | undefined): readonly ConfiguredStack[] => {
  const waiting = new Set(config?.document.missing.map(({ path }) => pointerOf(path)));
  return Object.entries(config?.raw.instances ?? {}).map(([name, raw]) => {
    const unknown =
      waiting.has(pointerOf(['instances', name])) || waiting.has(pointerOf(['instances', name, 'project']));
    return { name, project: unknown ? undefined : (raw?.project ?? name) };
  });
};

/**
 * The instances that a command works on, ready to use: selected by name, from the configuration or from what
 * runs, with defaults filled in. Throws `usage`, `instance-unknown` or `env-missing`.
 */
export const chooseInstances = async (options: InstancesOptions): Promise<readonly Instance[]> => {
  const { config, cwd, env } = options;
  const override = options.backups === undefined ? undefined : resolve(cwd, options.backups);
  const selected = selectStacks({ ...options, configured: configuredStacks(config) });
  const names = selected.flatMap((one) => (one.from === 'config' ? [one.name] : []));
  const resolved =
    config === undefined
      ? []
      : await resolveInstances(config, names, { env, ...(override !== undefined && { backups: override }) });
  const byName = new Map(resolved.map((instance) => [instance.name, instance]));
  const backups = override ?? (config ? commonBackups(config) : resolve(cwd, 'backups'));
  const timezone = config?.raw.timezone ?? processTimezone(env);
  return selected.flatMap((one) =>
    one.from === 'running'
      ? instanceFromRunning(one.project, backups, timezone)
      : (byName.get(one.name) ?? []),
  );
};
