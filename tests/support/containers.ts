import { randomBytes } from 'node:crypto';
import { run } from '../../src/base/process.ts';
import type { Engine } from '../../src/docker/engine.ts';
import type { StackContainer } from '../../src/stack/types.ts';
import { unfiltered } from './unfiltered.ts';

/** A name nobody else has. */
export const randomName = (what: string): string => `sb-test-${what}-${randomBytes(4).toString('hex')}`;

/** Runs the docker CLI; throws when it fails. Returns its trimmed output. */
export const docker = async (...args: readonly string[]): Promise<string> => {
  const ended = await run(['docker', ...args]);
  if (ended.exitCode !== 0) throw new Error(`docker ${args[0]} failed: ${ended.stderr}`);
  return ended.stdout.toString('utf8').trim();
};

export interface TestContainer extends AsyncDisposable {
  readonly id: string;
  /** As a stack would have observed it now. */
  observed(): Promise<StackContainer>;
}

/** A running container with a random name that is gone, with its anonymous volumes, when disposed of. */
export const startContainer = async (
  engine: Engine,
  service: string,
  image: string,
  options: readonly string[],
  command: readonly string[] = [],
): Promise<TestContainer> => {
  const labels = ['--label', 'io.stack-backup.test=1', '--label', `com.docker.compose.service=${service}`];
  const id = await docker(
    'run',
    '-d',
    '--name',
    randomName(service),
    ...labels,
    '--security-opt',
    unfiltered,
    ...options,
    image,
    ...command,
  );
  return {
    id,
    observed: async () => {
      const details = await engine.inspect(id);
      return { id, name: details.name, service, number: 1, oneOff: false, details };
    },
    [Symbol.asyncDispose]: async () => {
      await docker('rm', '-f', '-v', id);
    },
  };
};

/** Command lines of all processes in a container. */
export const processesIn = (id: string): Promise<string> => docker('top', id, '-eo', 'pid,args');
