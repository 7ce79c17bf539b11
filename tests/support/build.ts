import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { bundle } from '../../scripts/build/bundle.ts';
import { builtHome as home, repository as root } from './built.ts';

const injected = 'tests/faults/boundaries/inject';
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
