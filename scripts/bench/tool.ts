import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from '../build/bundle.ts';

const repository = join(import.meta.dirname, '../..');

/** Builds the tool as it is published, into a folder of its own, and returns the path of its program. */
export const buildTool = async (folder: string): Promise<string> => {
  const target = join(folder, 'tool');
  await mkdir(target);
  for (const name of ['package.json', 'schemas'])
    await cp(join(repository, name), join(target, name), { recursive: true });
  await symlink(join(repository, 'node_modules'), join(target, 'node_modules'));
  await bundle(repository, join(target, 'dist'));
  return join(target, 'dist/main.js');
};
