import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './run.ts';

const repository = join(import.meta.dirname, '../..');

/** The tool, and what makes it tell its own memory. Paths. */
export interface Tool {
  readonly program: string;
  readonly preload: string;
}

const ownPeak = fileURLToPath(new URL('./own-peak.ts', import.meta.url));

/**
 * Builds the tool as it is published, into a folder of its own. What is loaded into it is plain JavaScript,
 * too: a Node that strips types needs over 20 MB for that.
 */
export const buildTool = async (folder: string, signal: AbortSignal): Promise<Tool> => {
  const target = join(folder, 'tool');
  await mkdir(target);
  for (const name of ['package.json', 'schemas'])
    await cp(join(repository, name), join(target, name), { recursive: true });
  await symlink(join(repository, 'node_modules'), join(target, 'node_modules'));
  const compiler = join(repository, 'node_modules/.bin/tsc');
  const project = join(repository, 'tsconfig.build.json');
  await run([compiler, '--project', project, '--outDir', join(target, 'dist')], { signal });
  const preload = join(target, 'own-peak.js');
  await writeFile(preload, stripTypeScriptTypes(await readFile(ownPeak, 'utf8')));
  return { program: join(target, 'dist/cli.js'), preload };
};
