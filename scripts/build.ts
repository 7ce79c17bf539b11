/**
 * `npm run build`: puts src/ and what it uses of its libraries into dist/, with type declarations, and checks
 * that everything package.json promises from there is there. `npm pack` and `npm publish` run it first.
 */
import { chmod, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { $, cd } from 'zx';
import { bundle } from './build/bundle.ts';

interface Package {
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

const root = join(import.meta.dirname, '..');
cd(root);

/** Files below dist/ that package.json names. */
const promised = ({ bin, exports }: Package): readonly string[] =>
  [
    ...Object.values(bin),
    ...Object.values(exports).flatMap((one) => (typeof one === 'string' ? one : Object.values(one))),
  ]
    .map((path) => path.replace(/^\.\//, ''))
    .filter((path) => path.startsWith('dist/'));

/** npm links programs as they are: they need their interpreter line and the right to be run. */
const makeRunnable = async (file: string): Promise<void> => {
  const text = await readFile(file, 'utf8');
  if (!text.startsWith('#!/usr/bin/env node\n'))
    throw new Error(`${file} does not begin with #!/usr/bin/env node`);
  await chmod(file, 0o755);
};

const build = async (): Promise<void> => {
  const description = JSON.parse(await readFile('package.json', 'utf8')) as Package;
  await $({ stdio: 'inherit', preferLocal: true })`tsc --project tsconfig.build.json`;
  await bundle(root, join(root, 'dist'));
  for (const file of promised(description)) await readFile(file);
  for (const file of Object.values(description.bin)) await makeRunnable(file);
};

await rm('dist', { recursive: true, force: true });
try {
  await build();
} catch (error) {
  // Half a build must not be packed.
  await rm('dist', { recursive: true, force: true });
  process.stderr.write(`build: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
