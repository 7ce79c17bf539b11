import { StackBackupError } from '../../base/errors.ts';

/** Keys and list positions from the top of the file to a value. */
export type Path = readonly (string | number)[];

/** A place in the file; both count from 1, columns in UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Something wrong with the file, at a place. The message names the key and holds no secret. */
export interface Problem extends Position {
  readonly message: string;
}

/** A JSON pointer (RFC 6901): the form in which ajv reports paths, and a key that cannot be ambiguous. */
export const pointerOf = (path: Path): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** `instances.core.hooks[0].timeout`; a key that is not a plain word stands in quotes. */
export const labelOf = (path: Path): string =>
  path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      const word = /^[\w-]+$/.test(step) ? step : printed(step);
      return index === 0 ? word : `.${word}`;
    })
    .join('');

/** A text from the file in quotes, on one line, cut where it gets long. */
export const printed = (text: string): string =>
  JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Problems in the order of the file; what is said twice of one place stands once. */
const sorted = (problems: readonly Problem[]): readonly Problem[] => {
  const seen = new Set<string>();
  return problems
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .filter((problem) => {
      const key = `${problem.line}:${problem.column}:${problem.message}`;
      return !seen.has(key) && seen.add(key);
    });
};

/**
 * One error for all problems of a file: each on its own line as `file:line:column: message`.
 * `details` is `{ file, problems: [{ line, column, message }] }`.
 */
export const problemsError = (
  code: 'config-invalid' | 'env-missing',
  file: string,
  problems: readonly Problem[],
  next: string,
): StackBackupError => {
  const ordered = sorted(problems);
  const lines = ordered.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
  const message = lines.length === 1 ? lines.join() : `${lines.length} problems\n  ${lines.join('\n  ')}`;
  return new StackBackupError(code, message, { next, details: { file, problems: ordered } });
};
