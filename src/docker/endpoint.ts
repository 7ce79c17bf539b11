import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { DockerOptions } from 'dockerode';
import { errnoOf, StackBackupError } from '../base/errors.ts';
import { run } from '../base/process.ts';

/** Where the engine listens: as an address for people, and as dockerode's options. */
export interface Endpoint {
  readonly address: string;
  readonly options: DockerOptions;
}

const defaultSocket = 'unix:///var/run/docker.sock';

const tlsFiles = (folder: string): Pick<DockerOptions, 'ca' | 'cert' | 'key'> => ({
  ca: readFileSync(join(folder, 'ca.pem')),
  cert: readFileSync(join(folder, 'cert.pem')),
  key: readFileSync(join(folder, 'key.pem')),
});

const optionsFor = (address: string, tlsFolder: string | undefined): DockerOptions => {
  if (address.startsWith('unix://')) return { socketPath: address.slice('unix://'.length) };
  const url = new URL(address);
  if (url.protocol === 'ssh:')
    return {
      protocol: 'ssh',
      host: url.hostname,
      port: Number(url.port || 22),
      username: url.username || 'root',
      sshOptions: { agent: process.env.SSH_AUTH_SOCK ?? '' },
    } as DockerOptions;
  const tls = tlsFolder !== undefined;
  return {
    protocol: tls ? 'https' : 'http',
    host: url.hostname,
    port: Number(url.port || (tls ? 2376 : 2375)),
    ...(tls ? tlsFiles(tlsFolder) : {}),
  };
};

/**
 * Whether the CLI may use another context than its default one: only its own configuration and two variables
 * of the environment can say so, and asking it takes a process.
 */
const mayHaveContext = async (env: NodeJS.ProcessEnv): Promise<boolean> => {
  if (env.DOCKER_CONTEXT) return true;
  try {
    const file = join(env.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json');
    return (await readFile(file, 'utf8')).includes('currentContext');
  } catch (error) {
    return errnoOf(error) !== 'ENOENT';
  }
};

/** The address of the CLI's current context; the default socket when there is no docker CLI to ask. */
const contextAddress = async (env: NodeJS.ProcessEnv): Promise<string> => {
  if (!(await mayHaveContext(env))) return defaultSocket;
  try {
    const asked = await run(['docker', 'context', 'inspect', '--format', '{{.Endpoints.docker.Host}}'], {
      timeoutMs: 10_000,
    });
    const address = asked.stdout.toString('utf8').trim();
    return asked.exitCode === 0 && address !== '' ? address : defaultSocket;
  } catch (error) {
    if (error instanceof StackBackupError && error.code === 'tool-missing') return defaultSocket;
    throw error;
  }
};

/**
 * Finds the engine as the docker CLI does: DOCKER_HOST, else the current context, else the default socket.
 * dockerode knows nothing of contexts, so they are resolved here.
 */
export const resolveEndpoint = async (env: NodeJS.ProcessEnv = process.env): Promise<Endpoint> => {
  const address = env.DOCKER_HOST || (await contextAddress(env));
  try {
    const verify = env.DOCKER_TLS_VERIFY !== undefined && env.DOCKER_TLS_VERIFY !== '';
    const tlsFolder = verify ? env.DOCKER_CERT_PATH || join(homedir(), '.docker') : undefined;
    return { address, options: optionsFor(address, tlsFolder) };
  } catch (error) {
    throw new StackBackupError('engine-unreachable', `the engine's address ${address} cannot be used`, {
      cause: error,
      next: 'Check DOCKER_HOST, DOCKER_CERT_PATH and `docker context ls`.',
    });
  }
};
