import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { bundle } from '../../scripts/build/bundle.ts';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Where the program under test lies: a package of its own, so that `npm run build` is not in its way. */
const home = `${root}/node_modules/.cache/stack-backup-tests`;

/** The program as it ships, in one bundle. */
export const builtProgram = `${home}/package/dist/main.js`;

const injected = 'tests/faults/boundaries/inject';
/** What is loaded into the program to watch it. As JavaScript: to strip types takes longer than a start. */
export const builtInject = `${home}/package/inject.js`;

/** Everything that these are made of. */
const parts = ['src', 'schemas', 'scripts/build', injected, 'package.json', 'package-lock.json'];

const bundleInject = async (file: string): Promise<void> => {
  const bundled = await rolldown({ input: join(root, injected, 'inject.ts'), platform: 'node' });
  await bundled.write({ file, format: 'esm' });
  await bundled.close();
};

const stampOf = async (): Promise<string> => {
  const hash = createHash('sha256');
  for (const part of parts) {
    const files = part.includes('.')
      ? [part]
      : (await readdir(join(root, part), { recursive: true, withFileTypes: true }))
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath.slice(root.length + 1), entry.name));
    for (const file of files.toSorted()) hash.update(file).update(await readFile(join(root, file)));
  }
  return hash.digest('hex');
};

/** Builds the program unless it was built from these very sources. Runs once, before the first file of tests. */
export default async (): Promise<void> => {
  const stamp = await stampOf();
  const known = await readFile(join(home, 'package/stamp'), 'utf8').catch(() => undefined);
  if (known === stamp) return;
  const made = join(home, `package-${process.pid}`);
  await mkdir(made, { recursive: true });
  for (const part of ['schemas', 'package.json'])
    await cp(join(root, part), join(made, part), { recursive: true });
  await bundle(root, join(made, 'dist'));
  await bundleInject(join(made, 'inject.js'));
  await writeFile(join(made, 'stamp'), stamp);
  await rm(join(home, 'package'), { recursive: true, force: true });
  await rename(made, join(home, 'package'));
};
