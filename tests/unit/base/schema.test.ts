import { readdirSync, readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { loadSchema, schemaPath } from '../../../src/base/schema.ts';

const files = readdirSync(schemaPath('')).filter((file) => file.endsWith('.schema.json'));

describe('loadSchema', () => {
  test('finds and compiles every schema that ships', () => {
    expect(files).toContain('config.schema.json');
    for (const file of files) expect(loadSchema(file)).toBeTypeOf('function');
  });

  test('compiles once', () => {
    expect(loadSchema('config.schema.json')).toBe(loadSchema('config.schema.json'));
  });

  test('reports every error with the schema it broke', () => {
    const validate = loadSchema('config.schema.json');
    expect(validate({ backups: 1, timezone: 2 })).toBe(false);
    expect(validate.errors).toHaveLength(2);
    expect(validate.errors?.[0]?.parentSchema).toMatchObject({ title: 'a path' });
  });

  test('throws for a schema that is not there', () => {
    expect(() => loadSchema('absent.schema.json')).toThrow('ENOENT');
  });

  test('names files by absolute path', () => {
    expect(isAbsolute(schemaPath('config.schema.json'))).toBe(true);
    expect(readFileSync(schemaPath('config.schema.json'), 'utf8')).toContain('"$id"');
  });
});

test.each(files)('%s keeps to the meta-schema, which no start of the tool asks again', (file) => {
  const ajv = new Ajv2020({ allowUnionTypes: true });
  expect(ajv.validateSchema(JSON.parse(readFileSync(schemaPath(file), 'utf8'))), ajv.errorsText()).toBe(true);
});
