import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ajvStandalone from 'ajv/dist/standalone/index.js';
import type { Plugin } from 'rolldown';
import { createAjv } from '../../src/base/schema/compile.ts';

const prefix = '\0validator:';

const validatorOf = async (path: string): Promise<string> => {
  const ajv = createAjv(true);
  return ajvStandalone.default(ajv, ajv.compile(JSON.parse(await readFile(path, 'utf8'))));
};

/** A module for `src/base/schema/compile.ts`: the validators stand in it, each made when it is asked for. */
const moduleOf = (files: readonly string[]): string => `
const validators = {
${files.map((file) => `  ${JSON.stringify(file)}: () => require(${JSON.stringify(`${prefix}${file}`)}),`).join('\n')}
};
export const compileSchema = (path) => validators[path.slice(path.lastIndexOf('/') + 1)]();
`;

/** Writes out the validators of all schemas beforehand: to compile one takes longer than a start otherwise. */
export const compiledSchemas = (root: string): Plugin => {
  const folder = join(root, 'schemas');
  return {
    name: 'compiled-schemas',
    resolveId: (source) => (source.startsWith(prefix) ? source : undefined),
    load: async (id) => {
      if (id.startsWith(prefix))
        return { code: await validatorOf(join(folder, id.slice(prefix.length))), moduleType: 'js' };
      if (id !== join(root, 'src/base/schema/compile.ts')) return undefined;
      return moduleOf((await readdir(folder)).filter((file) => file.endsWith('.schema.json')));
    },
  };
};
