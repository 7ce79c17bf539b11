import type { Path } from './problem.ts';

/** Something wrong with a value or with its key, before it has a place. */
export interface Finding {
  readonly path: Path;
  /** What to point at: the key itself, or its value. */
  readonly at: 'key' | 'value';
  readonly message: string;
  /** The value cannot be used by any later check. */
  readonly unusable: boolean;
}

/** A value that breaks a rule. */
export const fault = (path: Path, message: string, at: Finding['at'] = 'value'): Finding => ({
  path,
  at,
  message,
  unusable: true,
});
