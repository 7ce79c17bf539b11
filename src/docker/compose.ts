import { StackBackupError } from '../base/errors.ts';
import { type RunResult, run } from '../base/process.ts';
import { withoutValues } from './complaint.ts';
import { type ComposeProgram, composeProgram } from './compose/program.ts';
import { sealedEnv } from './compose/sealed.ts';

/** How to ask Compose about a project: what stands on its command line. */
export interface ComposeProject {
  readonly project: string;
  readonly files: readonly string[];
  readonly envFiles: readonly string[];
  readonly workingDir?: string;
  /** Of the file `-`. */
  readonly input?: string;
  /** Somebody else has written the files: they get nothing of this process' environment, and nothing is fetched. */
  readonly sealed?: boolean;
}

const environmentFor = (sealed: boolean | undefined) =>
  sealed === true
    ? { env: { ...sealedEnv(), COMPOSE_ANSI: 'never' }, bare: true }
    : { env: { COMPOSE_ANSI: 'never' } };

const compose = async (args: readonly string[], { sealed, input }: Partial<ComposeProject> = {}) =>
  run(['docker', 'compose', ...args], {
    timeoutMs: 60_000,
    ...environmentFor(sealed),
    ...(input === undefined ? {} : { input }),
  });

const looked: { program?: Promise<ComposeProgram> } = {};

/** `docker compose config`, which reads files and asks no engine. */
const config = async (args: readonly string[], asked: ComposeProject): Promise<RunResult> => {
  const all = [...argumentsOf(asked), 'config', ...args];
  if (asked.sealed === true) return compose(all, asked);
  looked.program ??= composeProgram();
  const { command, env } = await looked.program;
  return run([...command, ...all], {
    timeoutMs: 60_000,
    env: { ...env, COMPOSE_ANSI: 'never' },
    ...(asked.input === undefined ? {} : { input: asked.input }),
  });
};

/** Without any named, Compose takes the one beside the files. */
const envFilesOf = ({ sealed, envFiles }: ComposeProject): readonly string[] =>
  sealed === true && envFiles.length === 0 ? ['/dev/null'] : envFiles;

const argumentsOf = (asked: ComposeProject): string[] => [
  '--project-name',
  asked.project,
  ...asked.files.flatMap((file) => ['--file', file]),
  ...envFilesOf(asked).flatMap((file) => ['--env-file', file]),
  ...(asked.workingDir === undefined ? [] : ['--project-directory', asked.workingDir]),
  // Without it the services, volumes and hooks of inactive profiles are left out.
  '--profile',
  '*',
];

/** What Compose says without its log framing, at most a few lines. */
const complaint = (result: RunResult): string =>
  withoutValues(
    result.stderr
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.includes('level=warning'))
      .slice(-5)
      .join('\n'),
  );

/** What `docker compose config` makes of the files, and the variables that they ask for and nobody gives. */
interface Configured {
  readonly model: unknown;
  readonly unset: readonly string[];
}

const configured = async (
  asked: ComposeProject,
  next: string,
  how: readonly string[] = [],
): Promise<Configured> => {
  const result = await config(['--format', 'json', ...how], asked);
  if (result.exitCode !== 0)
    throw new StackBackupError('compose-invalid', `compose files of ${asked.project}: ${complaint(result)}`, {
      next,
    });
  // Compose says it in its log alone, with or without its quotes escaped.
  const unset = result.stderr.matchAll(/The \\?"([A-Za-z_][A-Za-z0-9_]*)\\?" variable is not set/g);
  return {
    model: JSON.parse(result.stdout.toString('utf8')),
    unset: [...new Set([...unset].map(([, name = '']) => name))],
  };
};

/** The resolved model of a project as `docker compose config` prints it. It holds secrets in clear. */
export const composeModel = async (asked: ComposeProject): Promise<unknown> => {
  const command = `docker compose ${asked.files.map((file) => `-f ${file}`).join(' ')} config`;
  return (await configured(asked, `Make \`${command}\` succeed first.`)).model;
};

const giveAll =
  'Give all that the files need: --values for what they interpolate, --compose-file where they lie beside what they name.';

/** The same of files that may lack what was beside them, and the variables that nobody gives. */
export const composeModelAndUnset = (asked: ComposeProject): Promise<Configured> =>
  configured(asked, giveAll);

/**
 * All files of a project as one, with what they include and extend, and without any value of a variable or of an
 * env file: none of these is read.
 */
export const composeWhole = async (asked: ComposeProject): Promise<unknown> => {
  const asWritten = ['--no-interpolate', '--no-env-resolution', '--no-path-resolution'];
  return (await configured(asked, giveAll, asWritten)).model;
};

/** Fetches an image. Resolves with the engine's complaint when it cannot be had. */
export const pullImage = async (reference: string, signal: AbortSignal): Promise<string | undefined> => {
  const result = await run(['docker', 'pull', '--quiet', '--', reference], { signal });
  return result.exitCode === 0 ? undefined : complaint(result) || `exit code ${result.exitCode}`;
};

/** Config hash of every service of the files, as Compose labels its containers with; to notice drift. */
export const composeHashes = async (asked: ComposeProject): Promise<ReadonlyMap<string, string>> => {
  const result = await config(['--hash', '*'], asked);
  const lines = result.exitCode === 0 ? result.stdout.toString('utf8').trim().split('\n') : [];
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
};

/** A project whose model is given as it stands, and what is to run of it. */
export interface ComposeUp {
  readonly project: string;
  /** Holds no secrets on a disk: Compose reads it from its standard input. */
  readonly model?: unknown;
  /** A file instead, which stays with the project. */
  readonly file?: string;
  /** Relative paths would start here. */
  readonly folder: string;
  /** These alone, with what they depend on; all when there are none. */
  readonly services: readonly string[];
  /** Containers are made and not started. */
  readonly createOnly?: boolean;
  /** Somebody else has written the model: variables of this process are none of its. */
  readonly sealed?: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Creates and starts what a model describes, in the order of its dependencies; nothing is built or pulled.
 * Resolves with Compose's complaint when it did not succeed, else with undefined.
 */
export const composeUp = async (up: ComposeUp): Promise<string | undefined> => {
  const where = ['--project-name', up.project, '--project-directory', up.folder, '--env-file', '/dev/null'];
  const how = up.createOnly === true ? '--no-start' : '--detach';
  const what = ['up', how, '--no-build', '--pull', 'never', ...up.services];
  const input = up.file === undefined ? { input: JSON.stringify(up.model) } : {};
  const result = await run(['docker', 'compose', ...where, '--file', up.file ?? '-', ...what], {
    ...input,
    ...(up.sealed === true ? { bare: true } : {}),
    env: { ...environmentFor(up.sealed).env, COMPOSE_PROFILES: '', COMPOSE_REMOVE_ORPHANS: 'false' },
    timeoutMs: up.timeoutMs,
    signal: up.signal,
  });
  return result.exitCode === 0 ? undefined : complaint(result) || `exit code ${result.exitCode}`;
};

/** Version of Compose v2, or undefined when the docker CLI or the plugin is missing. */
export const composeVersion = async (): Promise<string | undefined> => {
  try {
    const result = await compose(['version', '--short']);
    return result.exitCode === 0 ? result.stdout.toString('utf8').trim() : undefined;
  } catch (error) {
    if (error instanceof StackBackupError && error.code === 'tool-missing') return undefined;
    throw error;
  }
};
