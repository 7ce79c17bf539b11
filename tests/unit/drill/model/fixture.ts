import { randomBytes } from 'node:crypto';
import { disguiseOf, type SecretsAllowed } from '../../../../src/drill/model/secrets.ts';
import type { Json, SandboxInput, SandboxService } from '../../../../src/drill/model/types.ts';

export const image = `sha256:${'a'.repeat(64)}`;

export const service = (name: string, aliases: readonly string[] = []): SandboxService => ({
  name,
  imageId: image,
  aliases,
});

/** The transformation's input for a model, with the services of these names. */
export const inputFor = (
  model: Json,
  names: readonly string[],
  more: Partial<SandboxInput> & { readonly secrets?: SecretsAllowed } = {},
): SandboxInput => ({
  project: 'drill-x',
  label: { key: 'io.stack-backup.drill', value: 'run-1' },
  model,
  services: names.map((name) => service(name)),
  mounts: [],
  environment: {},
  disguise: disguiseOf(model, more.secrets ?? 'none', randomBytes(32)),
  ...more,
});
