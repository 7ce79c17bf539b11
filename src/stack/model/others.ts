import { parseAllDocuments } from 'yaml';

type Json = unknown;

const isMap = (value: Json): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const listOf = (value: Json): readonly Json[] =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];

/** A path as one of several forms has it: by itself, or in a map. */
const pathsIn = (value: Json): readonly string[] =>
  listOf(value).flatMap((one) => {
    const path = isMap(one) ? one.path : one;
    return listOf(path).map(String);
  });

const ofService = (service: Json): readonly string[] => {
  if (!isMap(service)) return [];
  const file = isMap(service.extends) ? service.extends.file : undefined;
  return [...listOf(file).map(String), ...pathsIn(service.label_file)];
};

const ofDocument = (document: Json): readonly string[] => {
  if (!isMap(document)) return [];
  const services = isMap(document.services) ? Object.values(document.services) : [];
  return [...pathsIn(document.include), ...services.flatMap(ofService)];
};

/** Aliases of aliases unfold without an end; so many are those of a very large file. */
const mostAliases = 10_000;
/** Characters. Of longer YAML the parser can be made to take gigabytes, and minutes; JSON is read by another one. */
const longestYaml = 64 * 1024;

/** All documents of a text. Throws where it is neither JSON nor YAML. */
const documentsIn = (text: string): readonly Json[] => {
  if (/^\s*\{/.test(text))
    try {
      return [JSON.parse(text)];
    } catch {
      // It may still be YAML.
    }
  if (text.length > longestYaml) throw new Error('it is too long');
  // Compose takes no key twice: which one counts is its affair.
  const documents = parseAllDocuments(text, { merge: true, uniqueKeys: false, logLevel: 'error' });
  if (!Array.isArray(documents)) return [];
  for (const { errors } of documents) if (errors[0] !== undefined) throw errors[0];
  return documents.map((one) => one.toJS({ maxAliasCount: mostAliases }));
};

/**
 * The files that Compose opens when it reads a compose file with this text: what it includes and extends, and
 * files of labels. Undefined when it cannot be told, because the text is no YAML that can be read here. Pure.
 */
export const otherFiles = (text: string): readonly string[] | undefined => {
  try {
    return documentsIn(text).flatMap(ofDocument);
  } catch {
    return undefined;
  }
};
