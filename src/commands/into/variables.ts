import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPlainFile } from '../../base/disk/plain-file.ts';
import { fieldsOf, listOf, mapFields, without } from '../../plan/into/read.ts';
import type { Fields } from '../../plan/into/types.ts';
import { composeName } from '../../snapshot/layout.ts';

/** Bytes; longer ones are no env file and no model. */
const longest = 16 * 1024 * 1024;

const savedText = (folder: string, name: string): Promise<string> =>
  readPlainFile(join(folder, composeName, name), longest).then(String, () => '');

const namesIn = (text: string): readonly string[] =>
  [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:]/gm)].map(([, name = '']) => name);

/** Variables that the snapshot knows by name only, and nobody gives a value now. */
export const notGiven = async (
  folder: string,
  envFiles: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> => {
  const saved = await savedText(folder, 'redacted.env');
  const given = new Set<string>();
  for (const file of envFiles) for (const name of namesIn(await readFile(file, 'utf8'))) given.add(name);
  return namesIn(saved).filter((name) => !given.has(name) && env[name] === undefined);
};

/** What is no JSON says nothing. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** What a service got from its env files: the snapshot has the names. */
export type FromEnvFiles = ReadonlyMap<string, readonly string[]>;

/** Names of what a service has in its compose file, in either of the forms. */
const ownNames = (service: unknown): readonly string[] => {
  const { environment } = fieldsOf(service);
  return Array.isArray(environment)
    ? environment.map((one) => String(one).split('=')[0] ?? '')
    : Object.keys(fieldsOf(environment));
};

/** Names that a service had a variable of, and its compose file gives none: they came from its env files. */
export const fromEnvFiles = async (folder: string, model: Fields): Promise<FromEnvFiles> => {
  const saved = fieldsOf(fieldsOf(parsed(await savedText(folder, 'model.json'))).services);
  const using = Object.entries(fieldsOf(model.services)).filter(
    ([, service]) => listOf(fieldsOf(service).env_file).length > 0,
  );
  return new Map(
    using.map(([name, service]) => {
      const own = new Set(ownNames(service));
      const had = Object.keys(fieldsOf(fieldsOf(saved[name]).environment));
      return [name, had.filter((variable) => !own.has(variable))];
    }),
  );
};

/** The model with these env files in the place of those that each service names. */
export const withEnvFiles = (model: Fields, wanted: FromEnvFiles, envFiles: readonly string[]): Fields => ({
  ...model,
  services: mapFields(model.services, (name, service) => ({
    ...without(service, 'env_file'),
    ...((wanted.get(name)?.length ?? 0) === 0 || envFiles.length === 0
      ? {}
      : { env_file: envFiles.map((path) => ({ path: path.replaceAll('$', '$$$$') })) }),
  })),
});

/** The model in which each service has, of all that such files hold, what it had before; and what is in none. */
export const withWanted = (
  asWritten: Fields,
  filled: Fields,
  wanted: FromEnvFiles,
  env: NodeJS.ProcessEnv,
): { readonly model: Fields; readonly missing: readonly string[] } => {
  const missing = new Set<string>();
  const services = mapFields(filled.services, (name, service) => {
    const names = wanted.get(name);
    if (names === undefined) return service;
    const found = fieldsOf(service.environment);
    const own = ownNames(fieldsOf(asWritten.services)[name]);
    const given = (variable: string): unknown =>
      Object.hasOwn(found, variable) ? found[variable] : env[variable]?.replaceAll('$', '$$$$');
    const values = [...own, ...names].map((variable) => [variable, given(variable)] as const);
    for (const [variable, value] of values) if (value === undefined) missing.add(variable);
    return { ...service, environment: Object.fromEntries(values) };
  });
  return { model: { ...filled, services }, missing: [...missing] };
};
