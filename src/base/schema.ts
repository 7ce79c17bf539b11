import { fileURLToPath } from 'node:url';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { compileSchema } from './schema/compile.ts';

const compiled = new Map<string, ValidateFunction>();

/** Absolute path of a file in schemas/. Both src/base/ and dist/base/ lie two folders below the package. */
export const schemaPath = (file: string): string =>
  fileURLToPath(new URL(`../../schemas/${file}`, import.meta.url));

/**
 * The validator of one of our JSON Schemas (2020-12), by file name (`config.schema.json`). It reports all
 * errors, each with the schema it broke (`parentSchema`). The only format known is `date-time`.
 * Compiled once a process. A schema that is missing or wrong throws: it ships with the tool.
 */
export const loadSchema = (file: string): ValidateFunction => {
  const known = compiled.get(file);
  if (known) return known;
  const validate = compileSchema(schemaPath(file));
  compiled.set(file, validate);
  return validate;
};
