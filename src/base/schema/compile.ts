import { readFileSync } from 'node:fs';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { Ajv2020 } from 'ajv/dist/2020.js';

/** RFC 3339, section 5.6, with upper-case T and Z: what Date#toISOString and people write. */
const dateTime =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** How our schemas are compiled: at once from the sources (`source` false), or into a module by the build. */
export const createAjv = (source: boolean): Ajv2020 => {
  // Judging the schema itself and polishing the code would double the time; each start of the tool pays it.
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    allowUnionTypes: true,
    validateSchema: false,
    meta: false,
    code: { optimize: source, source },
  });
  return ajv.addFormat('date-time', dateTime);
};

/**
 * Compiles the schema in a file. It takes as long as loading the whole program, so `npm run build` puts a
 * module in the place of this one that has all validators ready (scripts/build/validators.ts).
 */
export const compileSchema = (path: string): ValidateFunction =>
  createAjv(false).compile(JSON.parse(readFileSync(path, 'utf8')));
