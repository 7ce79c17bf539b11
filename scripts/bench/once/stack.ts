import { randomBytes } from 'node:crypto';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../run.ts';
import { BenchProblem, say } from '../say.ts';
import { fillBig, fillSmall, type Size } from './data.ts';

/** A running stack with its data, in which everything has one random name. */
export interface Stack extends AsyncDisposable {
  readonly project: string;
  /** Where everything of this run is written. */
  readonly folder: string;
  /** `docker compose` with what names this project. */
  readonly compose: readonly string[];
  /** Host paths of the volumes. */
  readonly volumes: readonly string[];
  readonly containers: number;
  /** Of all volumes together. */
  readonly size: Size;
}

const volumeNames = ['media', 'entries'] as const;
const image = 'debian:bookworm-slim';

/** Ends at once on TERM: what is measured is the copying, not how long a service needs to stop. */
const service = {
  image,
  pull_policy: 'never',
  restart: 'unless-stopped',
  command: ['sh', '-c', "trap 'exit 0' TERM; sleep infinity & wait"],
};

/** Two stores, and a front that needs both: two waves. As JSON, which is YAML too. */
const model = {
  services: {
    files: { ...service, volumes: ['media:/media'] },
    store: { ...service, volumes: ['entries:/entries'] },
    front: { ...service, depends_on: ['files', 'store'], volumes: ['media:/media:ro'] },
  },
  volumes: Object.fromEntries(volumeNames.map((name) => [name, {}])),
};

const ask = async (command: readonly string[], signal: AbortSignal): Promise<string> =>
  (await run(command, { signal })).stdout.trim();

const hostPath = (volume: string, signal: AbortSignal): Promise<string> =>
  ask(['docker', 'volume', 'inspect', '--format', '{{.Mountpoint}}', volume], signal);

/** Copies between file systems are slower than within one, for every method, but not by the same factor. */
const assertSameDisk = async (folder: string, volumes: readonly string[]): Promise<void> => {
  for (const volume of volumes)
    if ((await stat(volume)).dev !== (await stat(folder)).dev)
      throw new BenchProblem(`${folder} is not on the file system of ${volume}`, [
        'Choose a folder there with --folder.',
      ]);
};

const sum = (sizes: readonly Size[]): Size => ({
  files: sizes.reduce((total, size) => total + size.files, 0),
  bytes: sizes.reduce((total, size) => total + size.bytes, 0),
});

/** Makes the stack, starts it and fills its volumes. Whatever was made is removed when this fails, too. */
export const makeStack = async (parent: string, scale: number, signal: AbortSignal): Promise<Stack> => {
  const project = `sb-bench-${randomBytes(4).toString('hex')}`;
  const folder = join(parent, project);
  const file = join(folder, 'compose.yaml');
  const compose = ['docker', 'compose', '--project-name', project, '--file', file];
  const remove = async (): Promise<void> => {
    say('removing what was made');
    await run([...compose, 'down', '--volumes', '--timeout', '5']);
    await rm(folder, { recursive: true });
  };
  await mkdir(folder, { mode: 0o700 });
  try {
    await writeFile(file, JSON.stringify({ name: project, ...model }, null, 2));
    await run([...compose, 'up', '--detach'], { signal });
    const volumes = await Promise.all(volumeNames.map((name) => hostPath(`${project}_${name}`, signal)));
    const [media = '', entries = ''] = volumes;
    await assertSameDisk(folder, volumes);
    say('writing the data');
    const size = sum([await fillBig(media, scale), await fillSmall(entries, scale)]);
    signal.throwIfAborted();
    const containers = Object.keys(model.services).length;
    return { project, folder, compose, volumes, containers, size, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
};
