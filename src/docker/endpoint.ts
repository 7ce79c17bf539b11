import { existsSync, readFileSync } from 'node:fs';
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

/** Those of the files that are there: without its own certificate a client may do, too. */
const tlsFiles = (folder: string): Pick<DockerOptions, 'ca' | 'cert' | 'key'> =>
  Object.fromEntries(
    ['ca', 'cert', 'key'].flatMap((name) => {
      const file = join(folder, `${name}.pem`);
      return existsSync(file) ? [[name, readFileSync(file)]] : [];
    }),
  );

const optionsFor = (address: string, tlsFolder: string | undefined): DockerOptions => {
  if (address.startsWith('unix://')) return { socketPath: address.slice('unix://'.length) };
  const url = new URL(address);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1'); // of IPv6
  if (url.protocol === 'ssh:')
    return {
      protocol: 'ssh',
      host,
      port: Number(url.port || 22),
      username: url.username || 'root',
      sshOptions: { agent: process.env.SSH_AUTH_SOCK ?? '' },
    } as DockerOptions;
  const tls = tlsFolder !== undefined;
  return {
    protocol: tls ? 'https' : 'http',
    host,
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

interface Place {
  readonly address: string;
  /** Folder of the certificates. */
  readonly tlsFolder?: string;
}

const atDefault: Place = { address: defaultSocket };

/** The CLI's current context, with what it keeps for TLS; the default socket when there is no docker CLI to ask. */
const contextPlace = async (env: NodeJS.ProcessEnv): Promise<Place> => {
  if (!(await mayHaveContext(env))) return atDefault;
  const { DOCKER_CONTEXT = '', DOCKER_CONFIG = '' } = env;
  const ask = [
    'docker',
    'context',
    'inspect',
    '--format',
    '{{.Endpoints.docker.Host}}\n{{.Storage.TLSPath}}',
  ];
  try {
    const asked = await run(ask, { timeoutMs: 10_000, env: { DOCKER_CONTEXT, DOCKER_CONFIG } });
    // Another engine than the one that was meant must not be taken instead.
    if (asked.exitCode !== 0)
      throw new StackBackupError(
        'engine-unreachable',
        `the docker context cannot be used: ${asked.stderr.trim().split('\n').at(-1) ?? ''}`,
        { next: 'See `docker context ls`, and what DOCKER_CONTEXT or the docker configuration names.' },
      );
    const [address = '', tlsPath = ''] = asked.stdout.toString('utf8').trim().split('\n');
    const tlsFolder = join(tlsPath, 'docker');
    return address === ''
      ? atDefault
      : { address, ...(tlsPath !== '' && existsSync(tlsFolder) ? { tlsFolder } : {}) };
  } catch (error) {
    if (error instanceof StackBackupError && error.code === 'tool-missing') return atDefault;
    throw error;
  }
};

/** What DOCKER_HOST says, with the certificates that its own variables name. */
const hostPlace = (address: string, env: NodeJS.ProcessEnv): Place => ({
  address,
  ...(env.DOCKER_TLS_VERIFY ? { tlsFolder: env.DOCKER_CERT_PATH || join(homedir(), '.docker') } : {}),
});

/**
 * Finds the engine as the docker CLI does: DOCKER_HOST, else the current context, else the default socket.
 * dockerode knows nothing of contexts, so they are resolved here.
 */
export const resolveEndpoint = async (env: NodeJS.ProcessEnv = process.env): Promise<Endpoint> => {
  const { address, tlsFolder } = env.DOCKER_HOST ? hostPlace(env.DOCKER_HOST, env) : await contextPlace(env);
  try {
    return { address, options: optionsFor(address, tlsFolder) };
  } catch (error) {
    throw new StackBackupError('engine-unreachable', `the engine's address ${address} cannot be used`, {
      cause: error,
      next: 'Check DOCKER_HOST, DOCKER_CERT_PATH and `docker context ls`.',
    });
  }
};
