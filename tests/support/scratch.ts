import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../../src/base/process.ts';
import { composeProgram } from '../../src/docker/compose/program.ts';
import { docker, randomName } from './containers.ts';
import { removeProject } from './removal.ts';
import { type ContainerState, states } from './states.ts';
import { withoutFilter } from './unfiltered.ts';

export { type ContainerEvent, type ContainerState, startOrder, states, watchEvents } from './states.ts';
export { type RunningTool, runTool, spawnTool, type ToolResult } from './tool.ts';

export interface ScratchOptions {
  /** Default: a random name. */
  readonly project?: string;
  /** Further files in the stack's folder, by relative path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Created before the stack and removed with it: for `external: true`. */
  readonly externalVolumes?: readonly string[];
  /** For the interpolation of the compose file. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ScratchStack extends AsyncDisposable {
  readonly project: string;
  /** Absolute, without symlinks; the compose file is `compose.yaml` in it. */
  readonly folder: string;
  readonly composeFile: string;
  readonly composeArgs: readonly string[];
  /** Runs `docker compose -p … -f … <args>`; throws when it fails. Returns its trimmed output. */
  compose(...args: readonly string[]): Promise<string>;
  /** `up -d` with these further arguments; images are never pulled. */
  up(...args: readonly string[]): Promise<void>;
  ps(): Promise<readonly ContainerState[]>;
  /** Its container id. */
  container(service: string, number?: number): Promise<string>;
  /** Writes a file into the folder; its absolute path. */
  write(name: string, text: string): Promise<string>;
  /** Removes containers, networks, volumes and the folder. */
  down(): Promise<void>;
}

/** Without the docker CLI before it: half the time of the processor, some hundred times. */
const composing = composeProgram();

/** Runs Compose with these leading arguments; throws when it fails. */
export const composeWith =
  (composeArgs: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}) =>
  async (...args: readonly string[]): Promise<string> => {
    const program = await composing;
    const command = [...program.command, ...composeArgs, ...args];
    const ended = await run(command, { cwd, env: { ...program.env, ...env } });
    if (ended.exitCode !== 0) throw new Error(`docker compose ${args.join(' ')} failed: ${ended.stderr}`);
    return ended.stdout.toString('utf8').trim();
  };

/**
 * A small stack from a compose file given as text, in a folder and a project of its own. Nothing is started
 * before `up`. Images to use: `stack-backup-example/{db,cache,app}`, `debian:bookworm-slim`.
 */
export const scratchStack = async (yaml: string, options: ScratchOptions = {}): Promise<ScratchStack> => {
  const project = options.project ?? randomName('stack');
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'stack-backup-scratch-')));
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, name === 'compose.yaml' ? withoutFilter(text) : text);
    return path;
  };
  const composeFile = await write('compose.yaml', yaml);
  for (const [name, text] of Object.entries(options.files ?? {})) await write(name, text);
  const external = options.externalVolumes ?? [];
  for (const name of external) await docker('volume', 'create', '--label', 'io.stack-backup.test=1', name);

  const composeArgs = ['-p', project, '-f', composeFile];
  const compose = composeWith(composeArgs, folder, options.env);
  const down = async (): Promise<void> => {
    try {
      await removeProject(project, external);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  return {
    project,
    folder,
    composeFile,
    composeArgs,
    compose,
    up: async (...args) => void (await compose('up', '-d', '--pull', 'never', '--no-build', ...args)),
    ps: () => states(project),
    container: async (service, number = 1) => {
      const found = (await states(project)).find((one) => one.service === service && one.number === number);
      if (found === undefined) throw new Error(`${project} has no container ${service}-${number}`);
      return found.id;
    },
    write,
    down,
    [Symbol.asyncDispose]: down,
  };
};
