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

/** A file names no more by aliases than this; what is made to grow is not unfolded. */
const mostAliases = 100;

/**
 * The files that Compose opens when it reads a compose file with this text: what it includes and extends, and
 * files of labels. Undefined when it cannot be told, because the text cannot be read as YAML. Pure.
 */
export const otherFiles = (text: string): readonly string[] | undefined => {
  try {
    const documents = parseAllDocuments(text, { merge: true, logLevel: 'error' });
    if (!Array.isArray(documents)) return [];
    if (documents.some(({ errors }) => errors.length > 0)) return undefined;
    return documents.flatMap((one) => ofDocument(one.toJS({ maxAliasCount: mostAliases })));
  } catch {
    return undefined;
  }
};
