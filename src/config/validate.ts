import type { StackBackupError } from '../base/errors.ts';
import { loadSchema } from '../base/schema.ts';
import { explainSchema } from './check/explain.ts';
import type { Finding } from './check/finding.ts';
import { type Problem, pointerOf, problemsError } from './check/problem.ts';
import { findRuleFaults } from './check/rules.ts';
import { soundPart } from './check/sound.ts';
import { type ConfigDocument, placeOf } from './file/document.ts';
import type { RawConfig } from './raw.ts';

const next = 'Correct the configuration and run the command again; nothing has been touched.';

/** Everything that makes this one file unusable, as one error. `file` is its name as people know it. */
export const configInvalid = (file: string, problems: readonly Problem[]): StackBackupError =>
  problemsError('config-invalid', file, problems, next);

/**
 * Checks a configuration against schemas/config.schema.json and against the rules that a schema cannot say.
 * Returns it, or throws one `config-invalid` with all mistakes in the order of the file, each with line and
 * column. Values that wait for a variable that is not set are not judged: which of them matter depends on
 * the instance that is asked for.
 */
export const validateConfig = (file: string, document: ConfigDocument): RawConfig => {
  if (document.problems.length > 0) throw configInvalid(file, document.problems);
  if (document.value === null) {
    throw configInvalid(file, [{ line: 1, column: 1, message: 'the file holds no settings' }]);
  }
  const waiting = new Set(document.missing.map(({ path }) => pointerOf(path)));
  // No variable can hold the map of instances, so that one is judged whether it is set or not.
  const judged = ({ path }: Finding): boolean =>
    !waiting.has(pointerOf(path)) || pointerOf(path) === '/instances';
  const writtenAt = (pointer: string) => document.places.get(pointer)?.written;

  const shape = explainSchema(loadSchema('config.schema.json'), document.value, writtenAt).filter(judged);
  const unusable = [...shape.filter((finding) => finding.unusable), ...document.missing];
  const rules = findRuleFaults(
    soundPart(
      document.value,
      unusable.map(({ path }) => path),
    ),
  );
  const problems = [...shape, ...rules].map((finding) => placed(finding, document));
  if (problems.length > 0) throw configInvalid(file, problems);
  return document.value as RawConfig;
};

const placed = ({ path, at, message }: Finding, document: ConfigDocument): Problem => {
  const place = placeOf(document.places, path);
  return { ...(at === 'key' ? (place.key ?? place.value) : place.value), message };
};
