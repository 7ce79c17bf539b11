import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { nearest } from '../../base/text/nearest.ts';
import type { Finding } from './finding.ts';
import { labelOf, type Path, pointerOf, printed } from './problem.ts';

/** The text as written where variables made the value, else undefined. */
export type WrittenAt = (pointer: string) => string | undefined;

/** Keys whose values never appear in a message. */
const secretKeys: ReadonlySet<string> = new Set(['password']);

interface Described {
  readonly title?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** `instancePath` with list positions as numbers, by walking the data. */
const pathOf = (pointer: string, data: unknown): Path => {
  let value = data;
  return pointer
    .split('/')
    .slice(1)
    .map((step) => {
      const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
      const isIndex = Array.isArray(value);
      value = (value as Record<string, unknown> | null)?.[key];
      return isIndex ? Number(key) : key;
    });
};

/** A value in words; one that variables made is shown as it is written, a secret not at all. */
const describe = (value: unknown, path: Path, writtenAt: WrittenAt): string => {
  const secret = path.some((step) => typeof step === 'string' && secretKeys.has(step));
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (secret) return typeof value === 'string' ? 'this text' : `a ${typeof value} (put it in quotes)`;
  const written = writtenAt(pointerOf(path));
  if (written !== undefined) return `what ${printed(written)} gives`;
  return typeof value === 'string' ? printed(value) : `the ${typeof value} ${String(value)}`;
};

const subjectOf = (path: Path): string => (path.length === 0 ? 'the file' : labelOf(path));

const wordsOfType: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  object: 'a map',
  array: 'a list',
};

/** What a value must be: the schema's title says it as a noun. */
const expected = (error: ErrorObject): string => {
  const title = (error.parentSchema as Described | undefined)?.title;
  const type = String(error.params.type);
  if (title === undefined) return wordsOfType[type] ?? 'something else';
  return type === 'object' && !title.startsWith('a map') ? `${title} (a map)` : title;
};

const explainUnknownKey = (error: ErrorObject, path: Path): Finding => {
  const key: string = error.params.additionalProperty;
  const known = Object.keys((error.parentSchema as Described).properties ?? {});
  const like = nearest(key, known);
  const where = path.length === 0 ? '' : ` in ${labelOf(path)}`;
  const hint = like === undefined ? `; known are ${known.join(', ')}` : `; did you mean '${like}'?`;
  const message = `unknown key ${quoted(key)}${where}${hint}`;
  return { path: [...path, key], at: 'key', message, unusable: true };
};

const explainBadKey = (error: ErrorObject, key: string, path: Path): Finding => {
  const message = `${quoted(key)} in ${subjectOf(path)} must be ${expected(error)}`;
  return { path: [...path, key], at: 'key', message, unusable: false };
};

const quoted = (key: string): string => (/^[\w-]{1,60}$/.test(key) ? `'${key}'` : printed(key));

const explainOne = (error: ErrorObject, path: Path, writtenAt: WrittenAt): Finding => {
  const subject = subjectOf(path);
  const given = () => describe(error.data, path, writtenAt);
  const value = (message: string): Finding => ({ path, at: 'value', message, unusable: true });
  if (error.propertyName !== undefined) return explainBadKey(error, error.propertyName, path);
  switch (error.keyword) {
    case 'additionalProperties':
      return explainUnknownKey(error, path);
    case 'required': {
      const kind = (error.parentSchema as Described).title ?? 'it';
      const message = `${subject} has no '${error.params.missingProperty}', which ${kind} needs`;
      return { path, at: 'value', message, unusable: false };
    }
    case 'enum':
      return value(`${subject} must be one of ${error.params.allowedValues.join(', ')}, not ${given()}`);
    case 'minItems':
    case 'minLength':
      return value(`${subject} must not be empty`);
    case 'maxLength':
      return value(`${subject} must not be longer than ${error.params.limit} characters`);
    case 'uniqueItems':
      return value(`${subject}[${error.params.i}] is the same as [${error.params.j}]`);
    default:
      return value(`${subject} must be ${expected(error)}, not ${given()}`);
  }
};

/** Errors that only say that another one stands beside them. */
const isEcho = (error: ErrorObject): boolean => error.keyword === 'if' || error.keyword === 'propertyNames';

/**
 * All that a schema finds wrong with `data`, in plain words: where, what it must be, and what it is.
 * Titles in the schema are nouns for "must be …".
 */
export const explainSchema = (
  validate: ValidateFunction,
  data: unknown,
  writtenAt: WrittenAt,
): readonly Finding[] => {
  if (validate(data)) return [];
  const errors = validate.errors ?? [];
  return errors
    .filter((error) => !isEcho(error))
    .map((error) => explainOne(error, pathOf(error.instancePath, data), writtenAt));
};
