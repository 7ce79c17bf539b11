import { readdirSync, readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadSchema, schemaPath } from '../../../src/base/schema.ts';

describe('loadSchema', () => {
  test('finds and compiles every schema that ships', () => {
    const files = readdirSync(schemaPath('')).filter((file) => file.endsWith('.schema.json'));
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
