import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadSchema, schemaPath } from '../../../src/base/schema.ts';
import { anyEvent, eventOf, failedRun, goodRun } from '../../support/events.ts';

const file = 'event.schema.json';
const validate = loadSchema(file);
const schema = JSON.parse(readFileSync(schemaPath(file), 'utf8'));

interface Variant {
  readonly description: string;
  readonly additionalProperties: boolean;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly examples: readonly Readonly<Record<string, unknown>>[];
}

const variants: readonly Variant[] = schema.oneOf.map(
  ({ $ref }: { $ref: string }) => schema.$defs[$ref.replace('#/$defs/', '')],
);
const examples = variants.flatMap((variant) => variant.examples);

describe('the schema of an event', () => {
  it('has its id, and every variant a description, examples and nothing undescribed', () => {
    expect(schema.$id).toBe('urn:stack-backup:schema:event');
    for (const variant of variants) {
      expect(variant.description).not.toBe('');
      expect(variant.additionalProperties).toBe(false);
      expect(variant.examples.length).toBeGreaterThan(0);
      for (const property of Object.values(variant.properties))
        expect(JSON.stringify(property)).toMatch(/"description"|"\$ref"/);
    }
  });

  it.each(examples.map((example) => [example.type, example]))(
    'accepts its example of %s',
    (_type, example) => {
      expect(validate(example), JSON.stringify(validate.errors)).toBe(true);
    },
  );

  it('accepts every event of a good and of a failed run', () => {
    for (const body of [...goodRun, ...failedRun])
      expect(validate(eventOf(body)), `${JSON.stringify(body)} ${JSON.stringify(validate.errors)}`).toBe(
        true,
      );
  });

  it('knows each type that events have', () => {
    const types = new Set(variants.map((variant) => (variant.properties.type as { const: string }).const));
    fc.assert(
      fc.property(anyEvent, (event) => {
        expect(types).toContain(event.type);
      }),
    );
    expect(types.size).toBe(13);
  });

  it('refuses what no event has', () => {
    const refused = (
      change: (example: Record<string, unknown>) => Record<string, unknown>,
      of: Variant['examples'] = examples,
    ): void => {
      for (const example of of) expect(validate(change({ ...example })), JSON.stringify(example)).toBe(false);
    };
    refused((example) => ({ ...example, more: 1 }));
    refused((example) => ({ ...example, type: 'surprise' }));
    refused((example) => ({ ...example, at: 'yesterday' }));
    refused(
      ({ instance: _, ...rest }) => rest,
      examples.filter((example) => example.type !== 'error'),
    );
  });

  it('refuses an event without one of its own required properties', () => {
    for (const variant of variants as readonly (Variant & { readonly required: readonly string[] })[])
      for (const name of variant.required) {
        const { [name]: _, ...rest } = variant.examples[0] as Record<string, unknown>;
        expect(validate(rest), `${JSON.stringify(rest)} without ${name}`).toBe(false);
      }
  });
});
