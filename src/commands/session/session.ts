import type { Clock } from '../../base/clock.ts';
import { isLocked } from '../../base/lock.ts';
import { chooseInstances } from '../../config/instances.ts';
import { type LoadedConfig, loadConfig } from '../../config/load.ts';
import type { Instance } from '../../config/types.ts';
import { connectEngine } from '../../docker/dockerode.ts';
import type { Engine, EngineInfo } from '../../docker/engine.ts';
import { lockOf } from '../../run/lock.ts';
import { runningProjects } from '../../stack/observe.ts';

/** The flags that every command knows. */
interface CommonFlags {
  readonly config?: string;
  readonly backups?: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
}

/** What a command gets from `cli.ts`: the world, as values. */
export interface World {
  readonly flags: CommonFlags;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly clock: Clock;
  readonly version: string;
  /** Aborts at SIGINT, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
  /** The signal that came, once one did. */
  readonly interruptedBy: () => NodeJS.Signals | undefined;
  /** Aborts at the second such signal: somebody wants to know why it takes so long. It changes nothing else. */
  readonly insisted: AbortSignal;
}

/** A world with an engine that answers. */
export interface Session {
  readonly world: World;
  readonly config: LoadedConfig | undefined;
  readonly engine: Engine;
  readonly info: EngineInfo;
}

/** The configuration that the flags and the current folder point to. */
export const configOf = (world: World): Promise<LoadedConfig | undefined> =>
  loadConfig({
    cwd: world.cwd,
    env: world.env,
    ...(world.flags.config === undefined ? {} : { path: world.flags.config }),
  });

/** Reads the configuration and connects to the engine; the cheap mistakes are found first. */
export const openSession = async (world: World): Promise<Session> => {
  const config = await configOf(world);
  const engine = await connectEngine();
  return { world, config, engine, info: await engine.info() };
};

/** Of these projects those whose lock somebody holds: a run may have stopped all that would show them. */
const heldProjects = async ({ info }: Session, projects: readonly string[]): Promise<readonly string[]> => {
  const held = await Promise.all(projects.map((project) => isLocked(lockOf(info.id, project))));
  return projects.filter((_, at) => held[at]);
};

/**
 * The instances that are meant. With `all`, every configured one. `known` are projects that are known although
 * nothing of them may run.
 */
export const instancesOf = async (
  session: Session,
  requested: readonly string[],
  all: boolean,
  known: readonly string[] = [],
): Promise<readonly Instance[]> => {
  const { world, config, engine } = session;
  const running = await runningProjects(engine);
  const others = requested.filter((name) => !running.includes(name));
  const held = await heldProjects(session, others);
  return chooseInstances({
    config,
    running: [...running, ...others.filter((name) => held.includes(name) || known.includes(name))],
    requested,
    all,
    cwd: world.cwd,
    env: world.env,
    ...(world.flags.backups === undefined ? {} : { backups: world.flags.backups }),
  });
};

/** Prints a value as one JSON document. */
export const printJson = (world: World, value: unknown): void => {
  world.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
};
