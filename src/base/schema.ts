import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { Ajv2020 } from 'ajv/dist/2020.js';

/** RFC 3339, section 5.6, with upper-case T and Z: what Date#toISOString and people write. */
const dateTime =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

const options = { allErrors: true, verbose: true, allowUnionTypes: true } as const;
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
  // Judging the schema itself and polishing the code would double the time; each start of the tool pays it.
  const ajv = new Ajv2020({ ...options, validateSchema: false, code: { optimize: false } });
  ajv.addFormat('date-time', dateTime);
  const validate = ajv.compile(JSON.parse(readFileSync(schemaPath(file), 'utf8')));
  compiled.set(file, validate);
  return validate;
};
