import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { $ } from 'zx';
import { ensureBaseImage } from './base-image.ts';
import type { Machine } from './machine.ts';
import { SetupProblem, say } from './say.ts';

/** Where each example image is built; the tests use these images for scratch stacks too. */
const images: Readonly<Record<string, string>> = {
  'stack-backup-example/db': 'examples/core/db',
  'stack-backup-example/cache': 'examples/core/cache',
  'stack-backup-example/app': 'examples/core/app',
};

const label = 'org.stack-backup.inputs';

/** SHA-256 over names, executable bits and content of every file in a build folder. */
const hashOf = async (folder: string): Promise<string> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const { mode, size } = await stat(file);
    // The executable bit alone: the others follow the umask of whoever cloned.
    hash.update(`${relative(folder, file)}\0${mode & 0o100}\0${size}\0`).update(await readFile(file));
  }
  return hash.digest('hex');
};

/** Label value by tag, of the images that are there. */
const present = async (): Promise<ReadonlyMap<string, string>> => {
  const tags = Object.keys(images);
  const format = `{{index .RepoTags 0}} {{index .Config.Labels "${label}"}}`;
  const { stdout } = await $({ quiet: true, nothrow: true })`docker image inspect --format ${format} ${tags}`;
  return new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string])
      .map(([tag = '', hash = '']) => [tag.replace(/:latest$/, ''), hash]),
  );
};

/** Builds the example images that are missing or whose build folder changed. */
export const ensureImages = async (machine: Machine): Promise<void> => {
  const there = await present();
  const wanted = await Promise.all(
    Object.entries(images).map(async ([tag, folder]) => ({ tag, folder, hash: await hashOf(folder) })),
  );
  const stale = wanted.filter(({ tag, hash }) => there.get(tag) !== hash);
  if (stale.length === 0) return;
  await ensureBaseImage(machine);
  // Side by side: each spends most of its time in one package manager. All end before one that failed is told of.
  const built = await Promise.allSettled(stale.map(({ tag, folder, hash }) => build(tag, folder, hash)));
  for (const one of built) if (one.status === 'rejected') throw one.reason;
};

const build = async (tag: string, folder: string, hash: string): Promise<void> => {
  say(`building ${tag} from ${folder}`);
  const buildx = await $({ quiet: true, nothrow: true })`docker buildx version`;
  const built = await $({
    quiet: true,
    nothrow: true,
    env: { ...process.env, DOCKER_BUILDKIT: buildx.exitCode === 0 ? '1' : '0' },
  })`docker build --tag ${tag} --label ${`${label}=${hash}`} ${folder}`;
  if (built.exitCode !== 0) {
    process.stderr.write(built.stdall);
    throw new SetupProblem(`${tag} could not be built`, [
      'The reason stands above. The build installs Debian packages: check the network, then run this again.',
    ]);
  }
};
