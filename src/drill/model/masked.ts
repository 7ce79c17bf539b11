import { isMasked } from '../../stack/redact.ts';
import { environmentOf } from './keys.ts';
import { fieldsOf } from './read.ts';
import type { Json } from './types.ts';

export interface Unmasked {
  readonly model: Json;
  /** `service: NAME` of each variable whose value the snapshot does not have. */
  readonly unknown: readonly string[];
}

/**
 * The model of a snapshot without the variables that it has no value for: a service is better off with what
 * its image sets than with a mask.
 */
export const withoutMasked = (model: Json): Unmasked => {
  const unknown: string[] = [];
  const services = Object.entries(fieldsOf(fieldsOf(model).services)).map(([name, service]) => {
    const variables = Object.entries(environmentOf(fieldsOf(service).environment));
    unknown.push(...variables.filter(([, value]) => isMasked(value)).map(([key]) => `${name}: ${key}`));
    const environment = Object.fromEntries(variables.filter(([, value]) => !isMasked(value)));
    return [name, { ...fieldsOf(service), environment }];
  });
  return { model: { ...fieldsOf(model), services: Object.fromEntries(services) }, unknown };
};
