import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../run.ts';
import { say } from '../say.ts';
import type { DataSet, Size } from './sets/set.ts';

/** A running stack with its data; the files stay until the whole benchmark is over. */
export interface Stack extends AsyncDisposable {
  readonly project: string;
  /** Where everything of this stack is written. */
  readonly folder: string;
  /** What is backed up: mounted into the service that writes to it. */
  readonly data: string;
  readonly compose: readonly string[];
  readonly containers: number;
  /** Of the data, when they were made. */
  readonly size: Size;
  readonly set: DataSet;
  readonly scale: number;
}

const image = 'debian:bookworm-slim';
const common = { image, pull_policy: 'never', restart: 'unless-stopped', init: false };

/** A service that writes all the time, and a front that needs it: two waves. As JSON, which is YAML too. */
const modelOf = (project: string, data: string, service: string) => ({
  name: project,
  services: {
    store: {
      ...common,
      command: ['bash', '-ec', service.replaceAll('$', '$$$$')], // Compose reads `$$` as one dollar sign
      working_dir: '/data',
      volumes: [{ type: 'bind', source: data, target: '/data' }],
    },
    front: {
      ...common,
      command: ['bash', '-c', "trap 'exit 0' TERM; sleep infinity & wait"],
      depends_on: ['store'],
    },
  },
});

/** Fills a folder below `parent` and starts the stack on it. Its containers are removed when this fails. */
export const makeStack = async (
  parent: string,
  set: DataSet,
  scale: number,
  signal: AbortSignal,
): Promise<Stack> => {
  const project = `sb-nights-${randomBytes(4).toString('hex')}`;
  const folder = join(parent, project);
  const data = join(folder, 'data');
  const file = join(folder, 'compose.yaml');
  const compose = ['docker', 'compose', '--project-name', project, '--file', file];
  const remove = async (): Promise<void> => {
    await run([...compose, 'down', '--timeout', '5']);
  };
  await mkdir(data, { recursive: true, mode: 0o700 });
  say(`writing the data of ${set.key}`);
  const size = await set.fill(data, scale, signal);
  await writeFile(file, JSON.stringify(modelOf(project, data, set.service(scale)), null, 2));
  try {
    await run([...compose, 'up', '--detach'], { signal });
    const containers = Object.keys(modelOf(project, data, '').services).length;
    return { project, folder, data, compose, containers, size, set, scale, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
};
