import { resolve } from 'node:path';
import { parseRate } from '../base/text/amount.ts';
import { labelOf, type Path, type Problem, problemsError } from './check/problem.ts';
import { isTimezone } from './check/times.ts';
import { resolveChecks } from './checks/resolve.ts';
import { drillOf } from './drill/resolve.ts';
import { placeOf } from './file/document.ts';
import type { Environment } from './file/interpolate.ts';
import { readSecret, whyUnreadable } from './file/secret.ts';
import { duration, resolveHooks } from './hooks.ts';
import type { LoadedConfig } from './load.ts';
import type { RawInstance } from './raw.ts';
import type { Instance } from './types.ts';

export interface ResolveOptions {
  /** Absolute path that overrides every `backups:` (`--backups`). */
  readonly backups?: string;
  /** For the time zone of an instance that names none. */
  readonly env: Environment;
}

/**
 * The zone of this process: TZ where it names one that is known, else the zone of the machine.
 */
export const processTimezone = (env: Environment): string => {
  const named = env.TZ?.replace(/^:/, '');
  if (named && isTimezone(named)) return named;
  return new Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
};

/** The folder for snapshots where an instance names none: `backups:`, else ./backups beside the file. */
export const commonBackups = (config: LoadedConfig): string =>
  resolve(config.folder, config.raw.backups ?? 'backups');

/**
 * The named instances of a configuration with every default filled in and all paths absolute. Throws one
 * `env-missing` with everything that this machine lacks for them: variables, env files, password files. What
 * other instances lack does not matter.
 */
export const resolveInstances = async (
  config: LoadedConfig,
  names: readonly string[],
  options: ResolveOptions,
): Promise<readonly Instance[]> => {
  const found = await Promise.all(names.map((name) => gather(config, name)));
  const problems = [...missingVariables(config, names, options), ...found.flatMap((one) => one.problems)];
  if (problems.length > 0) {
    const next = 'Set or create what is missing and run the command again; nothing has been touched.';
    throw problemsError('env-missing', config.shownFile, problems, next);
  }
  return names.map((name, index) => toInstance(config, name, found[index] ?? nothing, options));
};

/** What an instance needs from outside its configuration file. */
interface Gathered {
  readonly envFile: string | undefined;
  /** From password files, by hook number. */
  readonly passwords: ReadonlyMap<number, string>;
  readonly problems: readonly Problem[];
}

const nothing: Gathered = { envFile: undefined, passwords: new Map(), problems: [] };

const limitsOf = (raw: RawInstance['limits']): Instance['limits'] => ({
  health: duration(raw?.health, '2m'),
  downtime: duration(raw?.downtime, '0s'),
  maxDowntime: duration(raw?.max_downtime, '0s'),
  engine: duration(raw?.engine, '10m'),
  readRate: parseRate(raw?.read_rate ?? '0') ?? 0,
});

const rawInstance = (config: LoadedConfig, name: string): RawInstance => config.raw.instances?.[name] ?? {};

const gather = async (config: LoadedConfig, name: string): Promise<Gathered> => {
  const path = ['instances', name];
  // A variable in its place: that it is missing is told by missingVariables, and there is nothing to read.
  const waits = new Set(config.document.missing.map((missing) => labelOf(missing.path)));
  if (waits.has(labelOf(path))) return nothing;
  const raw = rawInstance(config, name);
  const problems: Problem[] = [];
  const report = (at: Path, message: string) =>
    problems.push({ ...placeOf(config.document.places, at).value, message });

  const envFile = resolve(config.folder, raw.env_file ?? `env/local/${name}.env`);
  const envFault = waits.has(labelOf([...path, 'env_file'])) ? undefined : await whyUnreadable(envFile);
  const absent = raw.env_file === undefined && envFault === 'does not exist';
  if (envFault && !absent) report([...path, 'env_file'], `the env file ${envFile} of ${name} ${envFault}`);

  const passwords = new Map<number, string>();
  const hooks = waits.has(labelOf([...path, 'hooks'])) ? [] : (raw.hooks ?? []);
  for (const [index, hook] of hooks.entries()) {
    const at = [...path, 'hooks', index, 'password_file'];
    if (hook.kind !== 'postgres' || hook.password_file === undefined || waits.has(labelOf(at))) continue;
    const file = resolve(config.folder, hook.password_file);
    const read = await readSecret(file);
    if ('fault' in read) report(at, `the password file ${file} of ${name} ${read.fault}`);
    else passwords.set(index, read.value);
  }
  return { envFile: absent ? undefined : envFile, passwords, problems };
};

const missingVariables = (
  config: LoadedConfig,
  names: readonly string[],
  { backups }: ResolveOptions,
): Problem[] =>
  config.document.missing
    .filter(({ path }) => path[0] !== 'instances' || names.includes(String(path[1])))
    .filter(({ path }) => backups === undefined || path.at(-1) !== 'backups')
    .map(({ line, column, path, variable }) => ({
      line,
      column,
      message: `the variable ${variable} is not set, and ${labelOf(path)} needs it`,
    }));

const volumesOf = (raw: RawInstance): Instance['volumes'] =>
  Object.fromEntries(
    Object.entries(raw.volumes ?? {}).map(([name, own]) => [
      name,
      { format: own.format ?? raw.format ?? 'auto' },
    ]),
  );

const toInstance = (
  config: LoadedConfig,
  name: string,
  gathered: Gathered,
  options: ResolveOptions,
): Instance => {
  const raw = rawInstance(config, name);
  const { folder } = config;
  const quiesce = raw.quiesce ?? 'stop';
  const services = Object.entries(raw.services ?? {}).map(([service, own]) => [
    service,
    { quiesce: own.quiesce ?? quiesce },
  ]);
  const ownBackups = raw.backups === undefined ? commonBackups(config) : resolve(folder, raw.backups);
  return {
    name,
    project: raw.project ?? name,
    composeFiles: (raw.compose_files ?? []).map((file) => resolve(folder, file)),
    envFile: gathered.envFile,
    backups: options.backups ?? ownBackups,
    timezone: raw.timezone ?? config.raw.timezone ?? processTimezone(options.env),
    quiesce,
    services: Object.fromEntries(services),
    include: raw.include ?? [],
    exclude: raw.exclude ?? [],
    copy: raw.copy ?? 'auto',
    hooks: resolveHooks(raw.hooks ?? [], folder, gathered.passwords),
    checks: resolveChecks(raw.checks),
    format: raw.format ?? 'auto',
    volumes: volumesOf(raw),
    logs: raw.logs ?? false,
    warm: raw.warm ?? true,
    incremental: raw.incremental ?? true,
    limits: limitsOf(raw.limits),
    drill: drillOf(raw.drill, config.raw.drills, folder),
    from: 'config',
    configFile: config.file,
  };
};

/**
 * A running Compose project as an instance, with every default: for one that no configuration names.
 * `backups` is absolute.
 */
export const instanceFromRunning = (project: string, backups: string, timezone: string): Instance => ({
  name: project,
  project,
  composeFiles: [],
  envFile: undefined,
  backups,
  timezone,
  quiesce: 'stop',
  services: {},
  include: [],
  exclude: [],
  copy: 'auto',
  hooks: [],
  checks: [],
  format: 'auto',
  volumes: {},
  logs: false,
  warm: true,
  incremental: true,
  limits: limitsOf(undefined),
  drill: drillOf(),
  from: 'running',
});
