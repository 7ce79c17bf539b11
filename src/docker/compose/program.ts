import { access, constants, readFile, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { errnoOf } from '../../base/errors.ts';

/** What comes before Compose's own arguments, and what the environment has to say beside it. */
export interface ComposeProgram {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const throughDocker: ComposeProgram = { command: ['docker', 'compose'], env: {} };

/** What is known of Docker's packages. */
export interface Places {
  /** Their CLI. One from elsewhere, or a link to one, may look elsewhere for its plugins. */
  readonly cli: readonly string[];
  /** Where it looks for them after its own configuration folder, in this order. */
  readonly plugins: readonly string[];
}

const usual: Places = {
  cli: ['/usr/bin/docker', '/usr/local/bin/docker'],
  plugins: [
    '/usr/local/lib/docker/cli-plugins',
    '/usr/local/libexec/docker/cli-plugins',
    '/usr/lib/docker/cli-plugins',
    '/usr/libexec/docker/cli-plugins',
  ],
};

/** The first that is there; undefined where none is. Rejects when that one may not be run. */
const firstProgram = async (paths: readonly string[]): Promise<string | undefined> => {
  for (const path of paths)
    try {
      await access(path, constants.X_OK);
      return path;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  return undefined;
};

/** Whether its configuration may name further folders for plugins, or cannot be read. */
const mayLookElsewhere = async (folder: string): Promise<boolean> => {
  try {
    return (await readFile(join(folder, 'config.json'), 'utf8')).includes('cliPluginsExtraDirs');
  } catch (error) {
    return errnoOf(error) !== 'ENOENT';
  }
};

const pluginOf = async (env: NodeJS.ProcessEnv, places: Places): Promise<string | undefined> => {
  const onPath = (env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'docker'));
  const docker = await firstProgram(onPath);
  if (docker === undefined || !places.cli.includes(await realpath(docker))) return undefined;
  const own = env.DOCKER_CONFIG || join(homedir(), '.docker');
  if (await mayLookElsewhere(own)) return undefined;
  return firstProgram(
    [join(own, 'cli-plugins'), ...places.plugins].map((folder) => join(folder, 'docker-compose')),
  );
};

/**
 * How to start Compose for what needs no engine. `docker compose` starts two programs before it, of which one is
 * Compose itself, to ask what it is called: that takes as long as the answer. Where it is certain which program
 * that would be, it is started as the docker CLI starts it; else, and where it is missing, through the CLI.
 */
export const composeProgram = async (
  env: NodeJS.ProcessEnv = process.env,
  places: Places = usual,
): Promise<ComposeProgram> => {
  const plugin = await pluginOf(env, places).catch(() => undefined);
  if (plugin === undefined) return throughDocker;
  // By this variable it knows that it is a plugin.
  return { command: [plugin, 'compose'], env: { DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: 'docker' } };
};
